"""What a district makes of the national codes."""

import pytest

from model.codes import load_code_tables
from model.problems import load_problems
from serve.district import Replacement, apply_replacements, read_replacements

PROBLEMS = load_problems()
NATIONAL = load_code_tables(PROBLEMS)
NEW, OLD = "gbt-47678.5-2026", "gbt-30428.2-2013"


def district(text="{}", region=None):
    return apply_replacements(NATIONAL, PROBLEMS, read_replacements(text), region)


def test_without_settings_the_codes_are_the_national_ones_and_have_no_region():
    tables = district()

    assert list(tables) == list(NATIONAL)
    for standard, table in tables.items():
        assert {key: (code.kind, code.code) for key, code in table.items()} == {
            key: (code.kind, code.code) for key, code in NATIONAL[standard].items()
        }
        assert all(code.item_code is None for code in table.values())


def test_a_replaced_code_replaces_its_own_alone():
    tables = district('{"gbt-47678.5-2026": {"graffiti": "06004", "waterlogging": "06099"}}')

    assert tables[NEW]["graffiti"].code == "06004"
    assert tables[NEW]["waterlogging"].code == "06099"  # the standard has none
    assert tables[NEW]["road_damage"].code == NATIONAL[NEW]["road_damage"].code
    assert tables[OLD]["graffiti"].code == NATIONAL[OLD]["graffiti"].code


def test_an_item_code_is_the_region_and_an_event_code_of_five_digits():
    tables = district('{"gbt-47678.5-2026": {"overflowing_bin": {"kind": "component", "code": "03005"}}}', "440607")

    assert tables[NEW]["road_damage"].item_code == "44060706013"
    assert (tables[NEW]["overflowing_bin"].kind, tables[NEW]["overflowing_bin"].code) == ("component", "03005")
    assert tables[NEW]["overflowing_bin"].item_code is None  # 部件: its full code names the one object
    assert all(code.item_code is None for code in tables[OLD].values())  # 4 digits


def test_an_event_is_meant_where_no_kind_is_said():
    assert read_replacements('{"x": {"graffiti": {"code": "06004"}}}') == {
        "x": {"graffiti": Replacement(kind="event", code="06004")}
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("{", "not valid JSON", id="broken"),
        pytest.param("[" * 100_000, "not valid JSON", id="deep"),
        pytest.param("[]", "per standard and problem", id="a list"),
        pytest.param('{"gbt-47678.5-2026": "06004"}', "per standard and problem", id="no problem"),
        pytest.param('{"s": {"graffiti": 6004}}', "digits in quotes", id="a number loses its leading zero"),
        pytest.param('{"s": {"graffiti": "06-004"}}', "digits in quotes", id="a hyphen"),
        pytest.param('{"s": {"graffiti": "０６００４"}}', "digits in quotes", id="wide digits"),
        pytest.param('{"s": {"graffiti": {"kode": "06004"}}}', "digits in quotes", id="a misspelt field"),
        pytest.param('{"s": {"graffiti": {"kind": "thing", "code": "06004"}}}', "event or component", id="kind"),
        pytest.param('{"gbt-1": {"graffiti": "06004"}}', "'gbt-1' is not a standard", id="unknown standard"),
        pytest.param('{"gbt-47678.5-2026": {"pothole": "06004"}}', "'pothole' is not a problem", id="unknown problem"),
        pytest.param('{"gbt-47678.5-2026": {"graffiti": "0604"}}', "have 5 digits", id="too few digits"),
    ],
)
def test_a_replacement_that_cannot_be_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        district(text)
