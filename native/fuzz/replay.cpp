// Runs a fuzz target without libFuzzer: every file of a corpus, then mutations of them for some seconds of
// the processor, so that as much is tried where other programs run too.
//   replay_TARGET CORPUS_DIR SECONDS [SEED]
// A finding ends in abort(), before which the input is written to ./last_input: so with abort_on_error=1 in
// ASAN_OPTIONS and UBSAN_OPTIONS, as run.py sets them.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;
using Random = std::mt19937_64;

Input current;  // what the target is trying

// Writing each input before it is tried would take longer than to try it.
extern "C" void keep_input(int) {
  int file = ::open("last_input", O_CREAT | O_TRUNC | O_WRONLY, 0666);
  bool kept = ::write(file, current.data(), current.size()) == static_cast<ssize_t>(current.size());
  ::_exit(kept ? 1 : 3);
}

void try_input(const Input& input) {
  current = input;
  LLVMFuzzerTestOneInput(input.data(), input.size());
}

Input read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t below(Random& random, std::size_t limit) { return limit == 0 ? 0 : random() % limit; }

// Numbers that counts, sizes and offsets dislike.
constexpr std::uint32_t kAwkward[] = {0,      1,          0x7f,       0x80,       0xff,       0x7fff,
                                      0xffff, 0x00ffffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x7ff80000};

void mutate(Input& input, const std::vector<Input>& corpus, Random& random) {
  std::size_t at = below(random, input.size());
  std::size_t length = 1 + below(random, std::min<std::size_t>(32, input.size() - at));
  auto here = input.begin() + static_cast<std::ptrdiff_t>(at);
  switch (below(random, 7)) {
    case 0: input[at] ^= static_cast<std::uint8_t>(1u << below(random, 8)); break;
    case 1: input[at] = static_cast<std::uint8_t>(random()); break;
    case 2: {  // 1, 2 or 4 bytes of an awkward number
      std::uint32_t value = kAwkward[below(random, std::size(kAwkward))];
      std::size_t width = std::size_t{1} << below(random, 3);
      for (std::size_t i = 0; i < width && at + i < input.size(); ++i)
        input[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
      break;
    }
    case 3: input.erase(here, here + static_cast<std::ptrdiff_t>(std::min(length, input.size() - at))); break;
    case 4: {  // double a piece
      Input piece(here, here + static_cast<std::ptrdiff_t>(std::min(length, input.size() - at)));
      input.insert(here, piece.begin(), piece.end());
      break;
    }
    case 5: {  // a piece of another input
      const Input& other = corpus[below(random, corpus.size())];
      std::size_t from = below(random, other.size());
      std::size_t size = std::min({length, other.size() - from, input.size() - at});
      std::copy_n(other.begin() + static_cast<std::ptrdiff_t>(from), size, here);
      break;
    }
    default: input.resize(at);
  }
  if (input.empty()) input.push_back(0);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "usage: %s CORPUS_DIR SECONDS [SEED]\n", arguments[0]);
    return 2;
  }
  for (int signal : {SIGABRT, SIGTERM}) std::signal(signal, keep_input);
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(arguments[1])) files.push_back(file.path());
  std::sort(files.begin(), files.end());
  std::vector<Input> corpus;
  for (const std::filesystem::path& file : files) {
    corpus.push_back(read_file(file));
    try_input(corpus.back());
    if (corpus.back().empty()) corpus.pop_back();
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "%s holds no input\n", arguments[1]);
    return 2;
  }
  Random random(count > 3 ? std::strtoull(arguments[3], nullptr, 10) : 1);
  double end = static_cast<double>(std::clock()) + std::atof(arguments[2]) * CLOCKS_PER_SEC;
  std::size_t turns = 0;
  while (static_cast<double>(std::clock()) < end) {
    Input input = corpus[below(random, corpus.size())];
    for (std::size_t i = below(random, 5) + 1; i > 0; --i) mutate(input, corpus, random);
    try_input(input);
    ++turns;
  }
  std::printf("%zu files, %zu mutations\n", files.size(), turns);
  return 0;
}
