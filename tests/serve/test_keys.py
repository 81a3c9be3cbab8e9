"""Keys: made, kept as hashes, recognised, revoked."""

import json
import stat

import pytest

from serve.keys import Keys, KeysError


def test_a_key_is_shown_once_and_kept_as_a_hash(tmp_path):
    token = Keys(tmp_path).add("patrol")

    assert token.startswith("xt_")
    assert len(token) >= 43 + 3  # 256 bits in base64
    kept = (tmp_path / "keys.json").read_text(encoding="utf-8")
    assert token not in kept
    assert token[3:] not in kept
    assert json.loads(kept)["keys"][0]["name"] == "patrol"


def test_the_file_is_for_its_owner_alone(tmp_path):
    Keys(tmp_path).add("patrol")

    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


def test_a_key_is_recognised_until_it_is_revoked_also_by_another_process(tmp_path):
    running, command = Keys(tmp_path), Keys(tmp_path)
    assert running.holder("xt_x") is None

    patrol, office = command.add("patrol"), command.add("office")
    assert (running.holder(patrol), running.holder(office)) == ("patrol", "office")
    assert running.holder(patrol + "x") is None

    command.revoke("patrol")
    assert (running.holder(patrol), running.holder(office)) == (None, "office")

    (tmp_path / "keys.json").unlink()
    assert running.holder(office) is None


def test_names_are_told_apart(tmp_path):
    keys = Keys(tmp_path)
    keys.add("patrol")

    with pytest.raises(KeysError, match="already"):
        keys.add("patrol")
    with pytest.raises(KeysError, match="office"):
        keys.revoke("office")
    for unfit in ("", "  ", "a\nb", "x" * 65):
        with pytest.raises(KeysError, match="printable"):
            keys.add(unfit)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"keys": [{"name": "x"}]}', '{"keys": 3}', "\xff"])
def test_a_damaged_file_lets_nobody_in_and_says_so(tmp_path, content):
    (tmp_path / "keys.json").write_text(content, encoding="latin-1")

    with pytest.raises(KeysError, match=r"keys\.json: is damaged"):
        Keys(tmp_path).holder("xt_x")


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(KeysError, match="XUNTU_DATA_FOLDER"):
        Keys(tmp_path / "file" / "data").add("patrol")
