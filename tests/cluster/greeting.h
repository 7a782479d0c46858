// A shared library as users have them: of their own, and in none of the system's directories.
#ifndef IOCLUSTER_TESTS_CLUSTER_GREETING_H_
#define IOCLUSTER_TESTS_CLUSTER_GREETING_H_

extern "C" const char* Greeting();

#endif  // IOCLUSTER_TESTS_CLUSTER_GREETING_H_
