#!/usr/bin/env python3
"""Shows the checks what they are there to find, and what they must let pass."""

import sys
import unittest

import check_includes
import check_style


def includes(path, *names):
    return list(check_includes.problems_of(path, "".join(f'#include "{name}"\n' for name in names)))


def style(path, text):
    return list(check_style.problems_of(path, text))


class IncludesTest(unittest.TestCase):
    def test_lower_directories_do_not_see_higher_ones(self):
        self.assertTrue(includes("lib/base/x.h", "lib/env/env.h"))
        self.assertTrue(includes("lib/rpc/x.cc", "lib/objects/object_store.h"))
        self.assertTrue(includes("include/iocluster/x.h", "lib/base/check.h"))
        self.assertFalse(includes("lib/rpc/x.cc", "lib/env/env.h", "lib/base/check.h", "iocluster/status.h"))

    def test_roles_meet_in_the_protocol_only(self):
        self.assertTrue(includes("runtime/head/x.cc", "runtime/node/node.h"))
        self.assertTrue(includes("runtime/client/x.cc", "runtime/worker/worker.h"))
        self.assertFalse(includes("runtime/node/x.cc", "lib/protocol/codec.h", "lib/objects/object_store.h"))
        self.assertFalse(includes("runtime/cli/x.cc", "runtime/head/head.h", "lib/env_asio/asio_env.h"))

    def test_only_env_asio_touches_the_world(self):
        self.assertTrue(includes("runtime/node/x.cc", "lib/env_asio/asio_env.h"))
        self.assertTrue(includes("runtime/node/x.cc", "sys/socket.h"))
        self.assertTrue(includes("lib/rpc/x.cc", "boost/asio.hpp"))
        self.assertFalse(includes("lib/env_asio/x.cc", "boost/asio.hpp", "sys/socket.h", "thread"))


class StyleTest(unittest.TestCase):
    def test_sleeping_and_promising_are_found(self):
        self.assertTrue(style("tests/unit/x_test.cc", "std::this_thread::sleep_for(1s);"))
        self.assertTrue(style("lib/base/x.cc", "// TO" + "DO: later"))
        self.assertTrue(style("lib/base/x.cc", "// ---------- helpers"))
        self.assertTrue(style("lib/base/x.h", "void ResetForTest();"))
        self.assertFalse(style("lib/base/x.cc", "int x = 1;  // why"))

    def test_settings_that_nobody_is_told_of_are_found(self):
        def settings(text, table="", guide=""):
            return list(check_style.setting_problems("lib/base/x.cc", text, table, guide))
        read = 'getenv("IOCLUSTER_X")'
        self.assertTrue(settings(read))
        self.assertTrue(settings(read, table='"IOCLUSTER_X"'))
        self.assertFalse(settings(read, table='"IOCLUSTER_X"', guide="`IOCLUSTER_X`"))
        self.assertFalse(settings('getenv("IOCLUSTER_WORKER")', table='"IOCLUSTER_WORKER"'))

    def test_long_files_are_found(self):
        self.assertTrue(style("lib/base/x.cc", "\n" * (check_style.MAX_LINES + 1)))

    def test_what_the_compiler_breaks_inside_co_await_is_found(self):
        self.assertTrue(style("lib/rpc/x.cc", "co_await F({1, 2});"))
        self.assertTrue(style("lib/rpc/x.cc", "auto x = co_await F(Options{.a = 1}, 3);"))
        self.assertTrue(style("lib/rpc/x.cc", "co_await F([&x] { return x; });"))
        self.assertFalse(style("lib/rpc/x.cc", "auto f = F({1});\nco_await std::move(f);"))
        self.assertFalse(style("lib/rpc/x.cc", "if (co_await Done(x)) {\n  return;\n}"))
        self.assertFalse(style("lib/rpc/x.cc", "co_await F(values[i]);"))


if __name__ == "__main__":
    sys.exit(unittest.main())
