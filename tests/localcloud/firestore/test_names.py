"""Names of databases, documents and collections."""

import pytest

from localcloud.firestore.names import (
    after_all_below,
    check_database,
    check_id,
    document_path,
    ordering_path,
    parent_path,
)
from localcloud.rpc import RpcError

DATABASE = "projects/p/databases/(default)"
ROOT = f"{DATABASE}/documents"


def test_paths_follow_the_documents_folder() -> None:
    assert document_path(f"{ROOT}/c/x y/d/é", DATABASE) == ("c", "x y", "d", "é")
    assert parent_path(ROOT, DATABASE) == ()
    assert parent_path(f"{ROOT}/c/x", DATABASE) == ("c", "x")


@pytest.mark.parametrize(
    "name",
    [
        "c/x",
        DATABASE,
        ROOT,
        f"{ROOT}/c",
        f"{ROOT}/c/x/d",
        f"{ROOT}//x",
        f"{ROOT}/c/..",
        f"{ROOT}/c/__x__",
        f"{ROOT}/__c__/x",
        f"{ROOT}/c/{'é' * 751}",
        f"{DATABASE}/documentsx/c/x",
        "projects/p/databases/other/documents/c/x",
    ],
)
def test_names_no_document_may_have(name: str) -> None:
    with pytest.raises(RpcError):
        document_path(name, DATABASE)


@pytest.mark.parametrize("database", ["", "p", "projects/p", "projects//databases/d", f"{DATABASE}/x"])
def test_names_no_database_may_have(database: str) -> None:
    with pytest.raises(RpcError, match="Invalid database name"):
        check_database(database)


def test_a_collection_is_no_parent_and_a_slash_in_no_id() -> None:
    with pytest.raises(RpcError):
        parent_path(f"{ROOT}/c", DATABASE)
    with pytest.raises(RpcError):
        check_id("a/b")


def test_everything_below_a_path_lies_before_its_end() -> None:
    end = after_all_below(("c", "x"))
    assert ("c", "x", "\uffff", "\uffff") < end < ("c", "x\0\0")


def test_numeric_ids_come_first() -> None:
    assert ordering_path(f"{ROOT}/c/__id-9223372036854775808__") < ordering_path(f"{ROOT}/c/\0")
