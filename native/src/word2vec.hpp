// Word2vec: words to vectors. It scores no rows.
#pragma once

#include <memory>

#include "model_source.hpp"
#include "scorer.hpp"

namespace mojo {

// Throws FormatError, UnsupportedError.
std::unique_ptr<Scorer> read_word2vec(const ModelSource& source);

}  // namespace mojo
