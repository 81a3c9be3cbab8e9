"""GET /v1/problems: the catalogue with every standard's codes."""


def test_the_catalogue_names_problems_and_standards(client):
    answer = client.get("/v1/problems").json()

    assert answer["standards"] == ["gbt-30428.2-2013", "gbt-47678.5-2026"]
    assert answer["default_standard"] == "gbt-47678.5-2026"
    by_key = {problem["key"]: problem for problem in answer["problems"]}
    assert by_key["road_damage"]["codes"] == {
        "gbt-30428.2-2013": {"kind": "event", "code": "0110", "item_code": None},
        "gbt-47678.5-2026": {"kind": "event", "code": "06013", "item_code": None},
    }
    assert by_key["road_damage"]["name_zh"] == "道路破损"
    assert "坑洞" in by_key["road_damage"]["shows_zh"]


def test_a_problem_that_a_standard_does_not_know_has_no_code_there(client):
    problems = client.get("/v1/problems").json()["problems"]

    waterlogging = next(problem for problem in problems if problem["key"] == "waterlogging")
    assert list(waterlogging["codes"]) == ["gbt-30428.2-2013"]


def test_a_district_sees_its_own_codes(serve_with):
    service = serve_with(region="440607", codes='{"gbt-47678.5-2026": {"graffiti": "06004"}}')

    by_key = {problem["key"]: problem["codes"] for problem in service.get("/v1/problems").json()["problems"]}
    assert by_key["graffiti"]["gbt-47678.5-2026"] == {"kind": "event", "code": "06004", "item_code": "44060706004"}
    assert by_key["graffiti"]["gbt-30428.2-2013"]["code"] == "0201"
