"""docs/api.md: every call is run against the real service and answers what the document shows."""

from tests.docs.calls import DOCUMENT, differences, read_calls, run_calls


def test_every_call_answers_what_the_document_shows():
    calls = read_calls(DOCUMENT.read_text(encoding="utf-8"))

    assert len(calls) > 10
    for call, given in zip(calls, run_calls(calls), strict=True):
        assert differences(call.answer, given) == [], call.command


def test_a_difference_is_found_and_what_varies_is_none():
    shown = {"id": "2f3b0a52-0000-4000-8000-000000000000", "score": 0.5, "photos": [{"verdict": "problem"}]}

    assert differences(shown, shown | {"id": "99999999-0000-4000-8000-000000000000", "score": 0.51}) == []
    assert differences(shown, shown | {"score": 0.6}) == ["$.score: 0.5 is 0.6"]
    assert differences(shown, shown | {"photos": [{"verdict": "review"}]}) == [
        "$.photos[0].verdict: 'problem' is 'review'"
    ]
    assert differences(shown, {"id": shown["id"]}) == [
        "$: the document has ['id', 'photos', 'score'], the service ['id']"
    ]
