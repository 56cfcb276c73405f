// Runs a fuzz target without libFuzzer: every file of a corpus, then mutations of them for some seconds.
//   replay_TARGET CORPUS_DIR SECONDS [SEED]
// Before each mutation its bytes are written to ./last_input, so that a crash leaves what caused it.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
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
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(arguments[1])) files.push_back(file.path());
  std::sort(files.begin(), files.end());
  std::vector<Input> corpus;
  for (const std::filesystem::path& file : files) {
    std::ofstream("last_input") << file.string();
    corpus.push_back(read_file(file));
    LLVMFuzzerTestOneInput(corpus.back().data(), corpus.back().size());
    if (corpus.back().empty()) corpus.pop_back();
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "%s holds no input\n", arguments[1]);
    return 2;
  }
  Random random(count > 3 ? std::strtoull(arguments[3], nullptr, 10) : 1);
  auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(std::atof(arguments[2]));
  std::size_t turns = 0;
  while (std::chrono::steady_clock::now() < end) {
    Input input = corpus[below(random, corpus.size())];
    for (std::size_t i = below(random, 5) + 1; i > 0; --i) mutate(input, corpus, random);
    std::ofstream("last_input", std::ios::binary)
        .write(reinterpret_cast<const char*>(input.data()), static_cast<std::streamsize>(input.size()));
    LLVMFuzzerTestOneInput(input.data(), input.size());
    ++turns;
  }
  std::printf("%zu files, %zu mutations\n", files.size(), turns);
  return 0;
}
