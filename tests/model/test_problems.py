"""The catalogue and the code tables: what is in them, and what they refuse."""

import pytest

from model.codes import DEFAULT_STANDARD, load_code_tables
from model.errors import CatalogueError
from model.problems import load_problems


def test_the_catalogue_names_the_five_problems_in_both_languages():
    problems = load_problems()

    assert {key: problem.name("zh") for key, problem in problems.items()} == {
        "exposed_garbage": "暴露垃圾",
        "overflowing_bin": "垃圾箱满溢",
        "graffiti": "乱涂写乱张贴",
        "road_damage": "道路破损",
        "waterlogging": "道路积水",
    }
    assert problems["waterlogging"].name("en") == "waterlogging"


def test_a_sixth_problem_is_one_more_table(tmp_path):
    table = "\n".join(f'{field} = "x"' for field in ("name_zh", "name_en", "shows_zh", "shows_en", "not_zh", "not_en"))
    path = tmp_path / "problems.toml"
    path.write_text(f"[illegal_parking]\n{table}\n", encoding="utf-8")

    assert list(load_problems(path)) == ["illegal_parking"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("[Road-Damage]\n", "lower-case letters", id="a key that is no key"),
        pytest.param('[road_damage]\nname_zh = "x"\n', "expected exactly", id="fields missing"),
        pytest.param("[road_damage\n", "not valid TOML", id="broken TOML"),
        pytest.param("", "names no problem", id="empty"),
    ],
)
def test_a_wrong_catalogue_is_refused_with_its_place(tmp_path, content, message):
    path = tmp_path / "problems.toml"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(CatalogueError, match=message) as refused:
        load_problems(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("standard", "key", "code"),
    [
        ("gbt-30428.2-2013", "exposed_garbage", "0102"),
        ("gbt-30428.2-2013", "overflowing_bin", None),
        ("gbt-30428.2-2013", "graffiti", "0201"),
        ("gbt-30428.2-2013", "road_damage", "0110"),
        ("gbt-30428.2-2013", "waterlogging", "0406"),
        ("gbt-47678.5-2026", "exposed_garbage", "06010"),
        ("gbt-47678.5-2026", "overflowing_bin", "06042"),
        ("gbt-47678.5-2026", "graffiti", "07001"),
        ("gbt-47678.5-2026", "road_damage", "06013"),
        ("gbt-47678.5-2026", "waterlogging", None),
    ],
)
def test_codes_are_those_of_the_standards_and_may_be_absent(standard, key, code):
    found = load_code_tables(load_problems())[standard].get(key)

    assert (found.code if found else None) == code
    if found:
        assert (found.standard, found.kind) == (standard, "event")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param('[event]\npothole = "0110"\n', "pothole is not a problem", id="unknown problem"),
        pytest.param("[event]\nroad_damage = 110\n", "digits in quotes", id="a number loses its leading zero"),
        pytest.param(
            '[event]\nroad_damage = "1"\n[component]\nroad_damage = "2"\n', "event and a component", id="named twice"
        ),
    ],
)
def test_a_wrong_code_table_is_refused(tmp_path, content, message):
    (tmp_path / f"{DEFAULT_STANDARD}.toml").write_text(content, encoding="utf-8")

    with pytest.raises(CatalogueError, match=message):
        load_code_tables(load_problems(), tmp_path)


def test_the_default_code_table_must_be_there(tmp_path):
    with pytest.raises(CatalogueError, match=r"47678.*missing"):
        load_code_tables(load_problems(), tmp_path)
