import pytest
import template_name


def test_sums_may_need_more_than_32_bits():
    assert template_name.add([2**32, 1]) == 2**32 + 1


def test_sums_that_need_more_than_64_bits_are_refused():
    with pytest.raises(OverflowError):
        template_name.add([2**64 - 1, 1])
