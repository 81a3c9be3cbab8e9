"""What is said of photos by where they come from."""

from tests.training.decided import LABELS, decided
from training.groups import count_said, measure_sources

PHOTOS = decided(
    [
        ("graffiti", "a", (1, 1), (0.9, 0.9)),
        ("graffiti", "a", (1, 0), (0.3, 0.0)),
        ("graffiti", "b", (1, 0), (0.7, 0.0)),
        ("no_issue", "b", (0, 0), (0.0, 0.0)),
    ]
)


def test_a_photo_counts_for_each_problem_found_in_it():
    assert count_said(PHOTOS, LABELS) == [
        {"kind": "graffiti", "photos": 3, "said": {"graffiti": 2, "road_damage": 1, "review": 1, "no_problem": 0}},
        {"kind": "no_issue", "photos": 1, "said": {"graffiti": 0, "road_damage": 0, "review": 0, "no_problem": 1}},
    ]


def test_each_kind_of_a_source_has_its_figures():
    sources = measure_sources(PHOTOS, LABELS)

    assert [(source["kind"], source["source"], source["photos"]) for source in sources] == [
        ("graffiti", "a", 2),
        ("graffiti", "b", 1),
        ("no_issue", "b", 1),
    ]
    assert sources[0]["problems"]["graffiti"]["recall"]["value"] == 0.5
    assert sources[0]["problems"]["graffiti"]["precision"] == 1
    assert sources[0]["found"] == {"graffiti": 1, "road_damage": 1}
    assert sources[2]["problems"] == {}
