// Docstrings of the Python face: shapes, units, errors.
#pragma once

namespace mojo::docs {

inline constexpr const char* matrix = R"(Turn records into the matrix that score() takes.

Args:
    data: A list of n dicts (rows); a dict of n-long columns (lists or arrays); anything with
        __arrow_c_stream__ such as a pyarrow table, a pandas or a polars data frame, whose columns are read
        where they lie; or float64[n, k] that is such a matrix already. Unknown names are ignored; None,
        NaN, null and absent names are missing values. Levels are text; numbers may be text as Java writes it.
    unseen: What a level that training did not see becomes: 'na' a missing value, 'error' a RowError.

Returns:
    float64[n, k], columns as in feature_names; level indices in categorical columns, NaN for missing.

Raises:
    RowError: A value does not fit its column; the message names row and column.)";

inline constexpr const char* matrix_and_counts = R"(As matrix(), and count what could not be read as a value.

Args:
    data: As for matrix().
    unseen: As for matrix().

Returns:
    The matrix, and {'missing': ..., 'unseen': ...}: for each feature with any, how many of its values were
    missing, and how many named a level that training did not see (these are not counted as missing).

Raises:
    RowError: As for matrix().)";

inline constexpr const char* score = R"(Score a matrix; the GIL is released meanwhile, unless scoring takes less than to get it back.

Args:
    rows: float64[n, k], C-contiguous, as matrix() makes it. Nothing is converted: another type or
        layout is a TypeError; only masked cells count as missing. No other thread may write to it meanwhile.
    offset: One number for all rows or one per row, added to the margin before the link (XGBoost: in
        place of the base score). A model with an offset_column does not score without it; algorithms
        for which H2O has no offset refuse any but 0; DRF and multinomial models ignore it.

Returns:
    float64[n, m], one column per output name: probabilities, the prediction, or the components.

Raises:
    RowError: The width is wrong, an offset is missing or refused, or the model refuses a row (a GLM
        that was trained to fill no gaps).)";

inline constexpr const char* score_records =
    R"(As score(matrix(data)), in one call: the shortest way for a row.

The GIL is released meanwhile, unless scoring takes less than to get it back.

Args:
    data: As for matrix(). Where the model has an offset_column, the offsets are read from it.
    fill: float64[k] with NaN for none: what stands in the place of a missing value of each feature.
    unseen: As for matrix(); such a level is filled like a missing value.

Returns:
    As score().

Raises:
    RowError: As for matrix() and score(), or `fill` does not have k values.)";

inline constexpr const char* predict = R"(Score records and name the classes.

Args:
    data: As for matrix(). Where the model has an offset_column and no offset is given, the offsets are
        read from that column.
    offset: As for score().
    calibrated: Also give the calibrated probabilities, under the names of H2O's CSV tool: 'cal_no',
        'cal_yes' ('cal_p0', 'cal_p1' for labels that are integers).
    unseen: As for matrix().

Returns:
    Under 'predict' n class labels, chosen as h2o-genmodel does (default_threshold for two classes),
    or n values; then one float64[n] per further output name.

Raises:
    RowError: As for matrix() and score().
    UnsupportedError: As for calibrate().)";

inline constexpr const char* contributions =
    R"(Split each row's margin among the features: TreeSHAP, bit by bit as h2o-genmodel.

The first call reads the trees again from the file that the model came from. Of a pipeline: the main
model's, in that model's columns.

Args:
    data: As for matrix().
    unseen: As for matrix().

Returns:
    float32[n, k], columns as in contribution_names: before the link, without the offset. For XGBoost there
    is one column per level.

Raises:
    RowError: As for matrix().
    UnsupportedError: h2o-genmodel has none for this model; the message says why.
    FormatError: The file holds another model now.
    OSError: The file is gone.)";

inline constexpr const char* leaf_assignment = R"(Name the leaf that each row reaches in each tree.

Args:
    data: As for matrix().
    unseen: As for matrix().

Returns:
    n lists of k paths, trees as in tree_names: L and R from the root, None from depth 64 on; and int32[n, k]
    with the leaves' node ids, -1 where there is no path (None for files before mojo_version 1.30).

Raises:
    RowError, UnsupportedError, FormatError, OSError: As for contributions().)";

inline constexpr const char* staged_predict = R"(Predict with the first tree, the first two, and so on.

Args:
    data: As for matrix().
    unseen: As for matrix().

Returns:
    float64[n, k], columns as in stage_names: after each group of trees the prediction, or the probability
    of each class that has trees (of two classes the first).

Raises:
    RowError, UnsupportedError, FormatError, OSError: As for contributions().)";

inline constexpr const char* calibrate =
    R"(Turn the probabilities of score() into those that a calibration frame taught (calibrate_model).

Args:
    scores: float64[n, 2] as score() returns them; what is masked is missing.

Returns:
    float64[n, 2]. Labels are still chosen by the probabilities of score(), as H2O does.

Raises:
    UnsupportedError: The model has no calibration.
    RowError: The width is wrong.)";

inline constexpr const char* word_vector =
    R"(Look up a word of a Word2Vec model, as h2o-genmodel's transform0.

Args:
    word: Compared exactly.

Returns:
    float32[k], or None for a word that training did not see.

Raises:
    UnsupportedError: The model is no Word2Vec.)";

inline constexpr const char* sentence_vector =
    R"(Average the vectors of the known words, in float32 as h2o-genmodel.

Args:
    words: The words of the sentence; unknown ones are left out.

Returns:
    float32[k]; NaN where no word is known.

Raises:
    UnsupportedError: The model is no Word2Vec.)";

inline constexpr const char* load = R"(Load a MOJO file; the GIL is released meanwhile.

Args:
    path: A MOJO zip. Publish files by rename: one that changes while it is read is refused at best.
    limits: What the file may claim, where it should not be the default: entries (65,534), entry_bytes (2^30,
        each unpacked), total_bytes (2^32), ratio (200, unpacked to packed), columns (100,000), classes
        (10,000), levels (10,000,000 of a column), total_levels (50,000,000 of all), trees (1,000,000), depth
        (1,000,000 splits), nesting (4).

Returns:
    The model, independent of the file.

Raises:
    FormatError: The file is damaged, beyond a limit, or no MOJO.
    ValueError: A limit has no such name or is negative.
    UnsupportedError: The file holds something this scorer does not know, named in the message.
    OSError: The file cannot be opened.)";

}  // namespace mojo::docs
