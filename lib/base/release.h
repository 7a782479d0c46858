// The release of this build, as handshakes and listings give it. The same as the project's version in CMakeLists.txt.
#ifndef IOCLUSTER_LIB_BASE_RELEASE_H_
#define IOCLUSTER_LIB_BASE_RELEASE_H_

#include <string_view>

namespace ioc {

inline constexpr std::string_view kRelease = "0.1.0";

}  // namespace ioc

#endif  // IOCLUSTER_LIB_BASE_RELEASE_H_
