"""Refusals: each with a name of its own and words for whoever meets it."""

import re

from maillage.kernel.errors import Category, Invalid, NoCapacity, Refusal, all_refusals


def test_every_refusal_has_its_own_slug_a_title_a_category_and_a_docstring() -> None:
    kinds = all_refusals()
    assert len({kind.slug for kind in kinds}) == len(kinds) >= 14
    for kind in kinds:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.slug)
        assert kind.title[0].isupper()
        assert isinstance(kind.category, Category)
        assert kind.__doc__


def test_the_catalogue_is_in_order() -> None:
    slugs = [kind.slug for kind in all_refusals()]
    assert slugs == sorted(slugs)


def test_a_refusal_says_the_same_in_words_and_as_data() -> None:
    refusal: Refusal = NoCapacity("at wm-1 it offers no gpu", site="wm-1")
    assert (str(refusal), refusal.detail, refusal.extra) == (
        refusal.detail,
        "at wm-1 it offers no gpu",
        {"site": "wm-1"},
    )
    assert (Invalid("end", "is past").detail, Invalid("end", "is past").extra) == ("end: is past", {"field": "end"})
