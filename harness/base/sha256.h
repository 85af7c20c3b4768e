// SHA-256 of bytes that come piece by piece; of what is in memory as a whole, text.h has a function.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;  // of libcrypto

namespace evalharness {

class Sha256 {
 public:
  Sha256();
  void add(std::string_view bytes);
  std::string hex() const;  // of all that was added so far; more may follow

 private:
  using State = std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)>;
  State state_;
};

}  // namespace evalharness
