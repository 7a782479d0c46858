// Two files that each have a static function Twin(), and a lambda.
#ifndef IOCLUSTER_TESTS_UNIT_SERDE_TWINS_H_
#define IOCLUSTER_TESTS_UNIT_SERDE_TWINS_H_

#include "iocluster/internal/runtime.h"

namespace ioc {

const internal::FunctionInfo& TwinA();
const internal::FunctionInfo& TwinB();
const internal::FunctionInfo& LambdaA();
const internal::FunctionInfo& LambdaB();

}  // namespace ioc

#endif  // IOCLUSTER_TESTS_UNIT_SERDE_TWINS_H_
