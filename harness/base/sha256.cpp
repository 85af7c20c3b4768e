// The hashes of text.h and sha256.h, by libcrypto.
#include "harness/base/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <memory>

#include "harness/base/error.h"
#include "harness/base/mapped_file.h"
#include "harness/base/text.h"

namespace evalharness {
namespace {

std::string hex(std::span<const unsigned char> bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

Sha256::Sha256() : state_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  EH_ASSERT(state_ && EVP_DigestInit_ex(state_.get(), EVP_sha256(), nullptr) == 1);
}

void Sha256::add(std::string_view bytes) { EH_ASSERT(EVP_DigestUpdate(state_.get(), bytes.data(), bytes.size()) == 1); }

std::string Sha256::hex() const {
  const State copy(EVP_MD_CTX_new(), EVP_MD_CTX_free);  // finishing a digest ends it
  std::array<unsigned char, 32> digest;
  EH_ASSERT(copy && EVP_MD_CTX_copy_ex(copy.get(), state_.get()) == 1);
  EH_ASSERT(EVP_DigestFinal_ex(copy.get(), digest.data(), nullptr) == 1);
  return evalharness::hex(digest);
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  std::array<unsigned char, 32> digest;
  const int done =
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  EH_ASSERT(done == 1);
  return hex(digest);
}

std::string sha256_hex(std::string_view bytes) {
  return sha256_hex(std::as_bytes(std::span(bytes)));
}

std::string sha256_of_file(const std::string& path) {
  const MappedFile file(path);
  return sha256_hex(file.bytes());
}

}  // namespace evalharness
