"""A hub and the files it names are one document; what is wrong is told where it is written, in all files at once."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from director.documents.loading import load, load_texts
from director.documents.sources import MOST_FILES
from director.strict import DocumentError

HUB = """\
name: plant
project_id: plant-project
region: europe-west1
location: EU
dataflows:
  air: {file: dataflows/air.yaml}
  water:
    resources:
      topics: [{name: levels, message_retention_duration: 1d}]
"""
AIR = """\
services:
  archive: {service_account: archive-sa}
resources:
  topics:
    - name: readings
      message_retention_duration: 1d
  gcs_buckets:
    - name: plant-archive
      producers: [{name: archive, lookup: {key: bucket}}]
  firestore_collections:
    - {name: devices, documents_file: devices.yaml}
"""
TEXTS = {"hub.yaml": HUB, "dataflows/air.yaml": AIR, "dataflows/devices.yaml": "d-1: {name: one}\n"}


def changed(**texts: str) -> dict[str, str]:
    """The texts with others for some: `air`, `hub`, `devices`."""
    names = {"hub": "hub.yaml", "air": "dataflows/air.yaml", "devices": "dataflows/devices.yaml"}
    return TEXTS | {names[name]: text for name, text in texts.items()}


def problems(texts: Mapping[str, str]) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        load_texts(texts, "hub.yaml")
    return [str(problem) for problem in caught.value.problems]


def written(folder: Path, texts: Mapping[str, str]) -> Path:
    for name, text in texts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder / "hub.yaml"


def test_a_dataflow_in_a_file_is_one_written_in_the_hub(tmp_path: Path) -> None:
    indented = "".join(f"    {line}\n" for line in AIR.splitlines())
    inline = HUB.replace("air: {file: dataflows/air.yaml}", f"air:\n{indented}".rstrip())
    whole = load_texts({"hub.yaml": inline, "devices.yaml": TEXTS["dataflows/devices.yaml"]}, "hub.yaml")
    split = load(written(tmp_path, TEXTS))
    assert split == whole
    assert split.seeds == {("air", "devices"): {"d-1": {"name": "one"}}}


def test_all_texts_come_with_the_blueprint_and_make_the_same_one(tmp_path: Path) -> None:
    blueprint = load(written(tmp_path, TEXTS))
    assert dict(blueprint.texts) == TEXTS
    assert next(iter(blueprint.texts)) == "hub.yaml"
    assert load_texts(blueprint.texts, "hub.yaml") == blueprint
    elsewhere = {f"deep/er/{name}": text for name, text in TEXTS.items()}
    assert load_texts(elsewhere, "deep/er/hub.yaml") == blueprint


def test_texts_are_kept_as_they_are_written(tmp_path: Path) -> None:
    odd = "\ufeff" + HUB.replace("\n", "\r\n")
    file = written(tmp_path, TEXTS)
    file.write_bytes(odd.encode())
    assert load(file).texts["hub.yaml"] == odd


def test_every_problem_is_told_at_its_own_file_line_column_and_path() -> None:
    found = problems(
        changed(
            hub=HUB.replace("plant-project", "p").replace("name: levels", "name: readings"),
            air=AIR.replace("archive-sa", "a")
            .replace("key: bucket", "kye: bucket")
            .replace("name: archive", "name: x"),
            devices="d-1: [1]\n__x__: {}\n",
        )
    )
    assert [one.partition("; ")[0] for one in found] == [
        "dataflows/air.yaml:2:30: services.archive.service_account: 'a' is no service account name",
        "dataflows/air.yaml:9:26: resources.gcs_buckets[0].producers[0].name: no service 'x' here",
        "dataflows/air.yaml:9:37: resources.gcs_buckets[0].producers[0].lookup: has no key",
        "dataflows/air.yaml:9:38: resources.gcs_buckets[0].producers[0].lookup.kye: unknown key",
        "dataflows/devices.yaml:1:6: d-1: is no document",
        "dataflows/devices.yaml:2:1: __x__: '__x__' is no Firestore id",
        "hub.yaml:2:13: project_id: 'p' is no project id",
        "hub.yaml:9:23: dataflows.water.resources.topics[0].name: 'readings' is declared already by dataflow 'air'",
    ]


@pytest.mark.parametrize(
    ("air", "expected"),
    [
        ("", "dataflows/air.yaml:1:1: is empty; write a mapping of keys to values"),
        ("[1]\n", "dataflows/air.yaml:1:1: is a list; write a mapping of keys to values"),
        ("services: {}\nservices: {}\n", "dataflows/air.yaml:2:1: services: key written twice (first in line 1)"),
        ("a: &x 1\n", "dataflows/air.yaml:1:4: anchor &x; write the value out"),
        ("servces: {}\n", "dataflows/air.yaml:1:1: servces: unknown key; did you mean 'services'?"),
        ("file: other.yaml\n", "dataflows/air.yaml:1:1: file: unknown key; "),
        ("services: " + "{a: " * 40, "dataflows/air.yaml:1:139: nested deeper than 32 levels"),
        ("# " + "x" * 1_000_000, "dataflows/air.yaml:1:1: larger than 1,000,000 bytes"),
        (
            "services: {b: {service_account: bridge-sa, config: {password: hunter2}}}\n",
            "dataflows/air.yaml:1:63: services.b.config.password: a secret does not belong here",
        ),
    ],
)
def test_a_file_that_holds_no_dataflow_is_told_as_such(air: str, expected: str) -> None:
    (found,) = problems(changed(air=air))
    assert found.startswith(expected)
    assert "hunter2" not in found


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        ("{file: none.yaml}", "6:15: dataflows.air.file: none.yaml cannot be read: no such file; name a file"),
        ("{file: ../air.yaml}", "6:15: dataflows.air.file: leads out of this document's folder"),
        ("{file: /etc/passwd}", "6:15: dataflows.air.file: leads out of this document's folder"),
        ("{file: ''}", "6:15: dataflows.air.file: leads out of this document's folder"),
        ("{file: 3}", "6:15: dataflows.air.file: is no file; write its path from here"),
        (
            "{file: dataflows/air.yaml, services: {}}",
            "6:9: dataflows.air.file: a dataflow is written here or in a file",
        ),
    ],
)
def test_a_file_that_cannot_be_is_told_in_the_hub(flow: str, expected: str) -> None:
    (found,) = problems(changed(hub=HUB.replace("{file: dataflows/air.yaml}", flow)))
    assert found.startswith(f"hub.yaml:{expected}")


def test_what_is_wrong_elsewhere_is_told_beside_a_file_that_cannot_be_read() -> None:
    hub = HUB.replace("dataflows/air.yaml", "none.yaml").replace("region: europe-west1", "region: nowhere")
    found = problems(changed(hub=hub))
    assert [one.split(": ")[1] for one in found] == ["region", "dataflows.air.file"]


def test_the_key_of_a_dataflow_stands_in_the_hub() -> None:
    (found,) = problems(changed(hub=HUB.replace("  air:", "  Air:")))
    assert found.startswith("hub.yaml:6:3: dataflows.Air: 'Air' is no name")


def test_a_symbolic_link_is_refused_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "air.yaml").write_text("services: {}\n")
    (tmp_path / "inside").mkdir()
    file = written(tmp_path / "inside", {"hub.yaml": HUB})
    (tmp_path / "inside" / "dataflows").symlink_to(tmp_path / "outside")
    with pytest.raises(DocumentError, match=r"dataflows\.air\.file: is a symbolic link or lies behind one"):
        load(file)


def test_a_folder_or_a_file_that_is_no_text_is_no_dataflow(tmp_path: Path) -> None:
    file = written(tmp_path, TEXTS)
    (tmp_path / "dataflows" / "air.yaml").write_bytes(b"services: \xff\n")
    with pytest.raises(DocumentError, match=r"dataflows/air\.yaml:1:11: not UTF-8 text"):
        load(file)
    (tmp_path / "dataflows" / "air.yaml").unlink()
    (tmp_path / "dataflows" / "air.yaml").mkdir()
    with pytest.raises(DocumentError, match=r"hub\.yaml:6:15: dataflows\.air\.file: .* cannot be read: Is a directory"):
        load(file)


def test_documents_are_looked_for_beside_the_file_that_names_them(tmp_path: Path) -> None:
    texts = {name: text for name, text in TEXTS.items() if "devices" not in name} | {"devices.yaml": "d-2: {}\n"}
    (found,) = problems(texts)
    assert found.startswith("dataflows/air.yaml:11:39: resources.firestore_collections[0].documents_file: ")
    assert "dataflows/devices.yaml cannot be read: no such file" in found


def test_a_hub_that_cannot_be_read_is_one_problem(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"hub\.yaml: cannot be read: No such file or directory; name a file"):
        load(tmp_path / "hub.yaml")
    with pytest.raises(DocumentError, match=r"^other\.yaml: cannot be read: no such file; name a file"):
        load_texts(TEXTS, "other.yaml")


def test_only_so_many_files_are_read() -> None:
    flows = {f"f{number}": f"f{number}.yaml" for number in range(MOST_FILES)}
    hub = HUB[: HUB.index("  air")] + "".join(f"  {name}: {{file: {file}}}\n" for name, file in flows.items())
    texts = {"hub.yaml": hub} | dict.fromkeys(flows.values(), "services: {}\n")
    (found,) = problems(texts)
    assert f"dataflows.f{MOST_FILES - 1}.file: is one file too many, {MOST_FILES} are allowed" in found


def test_all_files_together_have_a_limit() -> None:
    flows = {f"f{number}": f"f{number}.yaml" for number in range(25)}
    hub = HUB[: HUB.index("  air")] + "".join(f"  {name}: {{file: {file}}}\n" for name, file in flows.items())
    texts = {"hub.yaml": hub} | dict.fromkeys(flows.values(), f"services: {{}}\n#{'x' * 900_000}\n")
    found = problems(texts)
    assert len(found) == 3
    assert all("makes the whole larger than 20,000,000 characters" in one for one in found)
