import pytest

pytest.register_assert_rewrite("tests.helpers", "tests.differential")  # explain their failed asserts, too
