"""Identities of facts, taken apart: a quoted name may hold anything."""

from __future__ import annotations

import pytest

from pg_deploy.catalog.identities import of_part, own_name


@pytest.mark.parametrize(
    ("identity", "whole", "last"),
    [
        ("public.orders", "public", "orders"),
        ("public.orders.total", "public.orders", "total"),
        ('public.orders."read v1.2"', "public.orders", '"read v1.2"'),
        ('"a.b"."c.d"."e ""f."" g"', '"a.b"."c.d"', '"e ""f."" g"'),
        ("public.f(integer, extensions.citext)", "public", "f(integer, extensions.citext)"),
        ('public."f(x.y)"(public."a.b")', "public", '"f(x.y)"(public."a.b")'),
        ("alone", "", "alone"),
    ],
)
def test_what_a_thing_is_in_is_not_cut_in_a_quoted_name(identity: str, whole: str, last: str) -> None:
    """Else a policy named "read v1.2" belongs to no table, and whoever loosens it by hand raises no alert."""
    assert of_part(identity) == (whole, last)


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ("public.f(integer, extensions.citext)", "f"),
        ('"x.y (a"."say ""(hi"("x.y (a"."mood, one"[],text)', 'say "(hi'),
        ('"a(b".=(integer,integer)', "="),
        ('public.orders."x.""y"', 'x."y'),
        ("alone", "alone"),
    ],
)
def test_a_things_own_name_is_as_texts_hold_it(identity: str, name: str) -> None:
    """Else a policy that calls a function with such a name is not found to rest on it."""
    assert own_name(identity) == name
