"""pg_deploy.yaml: what it says, and what is said of a fault in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pg_deploy.projects.errors import InvalidProjectFileError
from pg_deploy.projects.project_file import read_projects


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("shop", "billing"):
        (tmp_path / name / "migrations").mkdir(parents=True)
    return tmp_path


def _write(folder: Path, text: str) -> Path:
    path = folder / "pg_deploy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_common_holds_for_each_project_unless_it_says_otherwise(folder: Path) -> None:
    path = _write(
        folder,
        """
common:
  owner: data
  defaults: {approval: all, lock_budget: 1 s}
projects:
  shop:
    target: shop_db
    targets: [shop_staging]
    migrations: shop/migrations
    defaults: {approval: none}
  billing:
    target: billing_db
    migrations: billing/migrations
    owner: money
""",
    )
    shop, billing = read_projects(path, (folder,))
    assert shop.targets == ("shop_db", "shop_staging")
    assert shop.defaults == {"approval": "none", "lock_budget": "1 s"}
    assert (shop.owner, billing.owner) == ("data", "money")
    assert billing.migrations == folder / "billing" / "migrations"
    assert billing.label == "billing/migrations"
    assert billing.dags.deploy == "deploy_billing"


_SHOP = "projects:\n  shop:\n    target: shop_db\n    migrations: shop/migrations\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (_SHOP + "    ownr: me\n", 5, "unknown key 'ownr'"),
        (_SHOP + "    window: daily\n", 5, "write it as in"),
        (_SHOP + "    defaults:\n      approvl: all\n", 5, "approvl has no default to set"),
        (_SHOP + "    defaults:\n      approval: often\n", 5, "approval"),
        (_SHOP + "    roles: {shop: own}\n", 5, "roles.shop"),
        (_SHOP + "    ledger: pg_mine\n", 5, "pg_"),
        (_SHOP + "    targets: [shop_db]\n", 2, "beside 'target'"),
        ("common:\n  pool: 3\n" + _SHOP, 2, "pool"),
        ("projects:\n  shop:\n    target: shop_db\n", 2, "migrations"),
        ("projects:\n  shop:\n    target: shop_db\n    migrations: nowhere\n", 2, "leads nowhere"),
        ("projects:\n  Shop:\n    target: shop_db\n    migrations: shop/migrations\n", 2, "small letter"),
        ("projects:\n  migrations:\n    target: shop_db\n    migrations: shop/migrations\n", 2, "which are taken"),
        ("projects:\n  shop: [\n", 3, "flow"),
        ("project: {}\n", 1, "unknown key 'project'"),
    ],
)
def test_a_fault_is_shown_with_its_line_and_a_caret(folder: Path, text: str, line: int, said: str) -> None:
    path = _write(folder, text)
    with pytest.raises(InvalidProjectFileError) as refused:
        read_projects(path, (folder,))
    message = str(refused.value)
    assert said in message
    if line <= len(text.splitlines()):
        assert f"\n  line {line}: {text.splitlines()[line - 1]}\n" in message
        assert message.endswith("^")


def test_a_key_that_stands_twice_is_refused(folder: Path) -> None:
    path = _write(folder, _SHOP + "    target: other\n")
    with pytest.raises(InvalidProjectFileError, match="target stands twice"):
        read_projects(path, (folder,))


@pytest.mark.parametrize("text", ["", "projects: {}\n", "[]\n", "projects:\n  shop: 3\n"])
def test_what_holds_no_project_is_refused(folder: Path, text: str) -> None:
    with pytest.raises(InvalidProjectFileError):
        read_projects(_write(folder, text), (folder,))


def test_a_missing_file_is_refused_in_one_sentence(folder: Path) -> None:
    with pytest.raises(InvalidProjectFileError, match="cannot be read"):
        read_projects(folder / "pg_deploy.yaml", (folder,))
