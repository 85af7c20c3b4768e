// tokenizer.model files, run by the sentencepiece library itself.

#include <sentencepiece_processor.h>

#include <filesystem>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"
#include "harness/model/tokenizer/json_place.h"
#include "harness/model/tokenizer/pipeline.h"

namespace evalharness {
namespace {

using sentencepiece::SentencePieceProcessor;

class SentencePiece final : public SubwordModel {
 public:
  explicit SentencePiece(std::unique_ptr<SentencePieceProcessor> processor)
      : processor_(std::move(processor)) {}

  size_t encode(std::string_view piece, std::vector<int32_t>& ids) const override {
    std::vector<int> found;
    const auto status = processor_->Encode({piece.data(), piece.size()}, &found);
    if (!status.ok()) fail(cat("sentencepiece: ", status.ToString()));
    ids.insert(ids.end(), found.begin(), found.end());
    return 0;
  }

 private:
  std::unique_ptr<SentencePieceProcessor> processor_;
};

std::unique_ptr<SentencePieceProcessor> load(const std::string& path) {
  auto processor = std::make_unique<SentencePieceProcessor>();
  const auto status = processor->Load(path);
  if (!status.ok()) fail(cat(path, ": not a sentencepiece model: ", status.ToString()));
  return processor;
}

// "<0x0A>" is the byte 10.
std::string byte_of_piece(const std::string& piece) {
  return std::string(1, static_cast<char>(std::stoi(piece.substr(3, 2), nullptr, 16)));
}

void read_pieces(const SentencePieceProcessor& model, TokenizerData& data) {
  for (int id = 0; id < model.GetPieceSize(); ++id) {
    const std::string& piece = model.IdToPiece(id);
    data.token_bytes.push_back(model.IsByte(id) ? byte_of_piece(piece)
                                                : replace_all(piece, kSpaceMark, " "));
    if (model.IsControl(id) || model.IsUnknown(id)) data.added.push_back({.id = id, .text = piece});
  }
  // The library does not say whether it puts a space before the text; what it does shows.
  std::vector<std::string> pieces;
  const bool encoded = model.Encode("a", &pieces).ok();
  data.strip_leading_space = encoded && !pieces.empty() && pieces.front().starts_with(kSpaceMark);
}

// added_tokens.json: {"<extra>": 32000}, tokens that the library does not know of.
void read_added_tokens(const std::string& folder, TokenizerData& data) {
  const std::string path = folder + "/added_tokens.json";
  if (!std::filesystem::exists(path)) return;
  const Value value = parse_json(read_text(path), path);
  if (!value.is_map()) fail(cat(path, ": expected a map of tokens to ids"));
  for (const auto& [text, place] : value.map()) {
    const int64_t id = JsonPlace(place, cat(path, ": ", text)).integer();
    const int64_t most = static_cast<int64_t>(data.token_bytes.size() + value.map().size());
    if (id < 0 || id >= most) fail(cat(path, ": ", text, ": token ", id, " leaves a gap"));
    const size_t place_of_id = static_cast<size_t>(id);
    if (place_of_id >= data.token_bytes.size()) data.token_bytes.resize(place_of_id + 1);
    data.token_bytes[place_of_id] = text;
    data.added.push_back({.id = static_cast<int32_t>(id), .text = text});
  }
}

// tokenizer_config.json decides whether BOS and EOS are added; Llama's defaults otherwise.
void read_ends(const std::string& folder, TokenizerData& data) {
  bool add_bos = true;
  bool add_eos = false;
  const std::string path = folder + "/tokenizer_config.json";
  if (std::filesystem::exists(path)) {
    const Value value = parse_json(read_text(path), path);
    const JsonPlace config(value, path + ": ");
    add_bos = config.boolean_or("add_bos_token", add_bos);
    add_eos = config.boolean_or("add_eos_token", add_eos);
  }
  if (add_bos && data.bos >= 0) data.prefix_ids = {data.bos};
  if (add_eos && data.eos >= 0) data.suffix_ids = {data.eos};
}

}  // namespace

std::unique_ptr<Tokenizer> open_sentencepiece(const std::string& folder) {
  TokenizerData data;
  data.source = folder + "/tokenizer.model";
  std::unique_ptr<SentencePieceProcessor> model = load(data.source);
  data.bos = model->bos_id();
  data.eos = model->eos_id();
  read_pieces(*model, data);
  read_added_tokens(folder, data);
  read_ends(folder, data);
  const std::string hash = sha256_hex(cat(model->serialized_model_proto(), hash_of(data)));
  return make_tokenizer(std::move(data), std::make_unique<SentencePiece>(std::move(model)), hash);
}

}  // namespace evalharness
