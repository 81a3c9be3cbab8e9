"""Prometheus is told what happens, in labels that nobody can multiply."""

import re

import pytest

from serve.observe.metrics import Metrics

ROLE_NEEDED = {"system": 403, "patrol": 403, "reviewer": 403, "engineer": 200, "admin": 200}


def figures(text):
    """Name with labels → value."""
    return {name: float(value) for name, value in re.findall(r"^(xuntu_\S*?) (\S+)$", text, flags=re.MULTILINE)}


@pytest.fixture
def scraped(serve_with):
    service = serve_with()
    return service, lambda: figures(service.get("/metrics").text)


def test_requests_are_counted_by_method_route_and_status(scraped, photo, form):
    service, scrape = scraped
    service.post("/v1/classify?standard=gbt-30428.2-2013", files=form(photo()))
    service.post("/v1/classify", files=form(b"no photo"))
    service.request("PROPFIND", "/v1/nothing/5")
    service.get("/web/app.js")
    found = scrape()

    assert found['xuntu_requests_total{method="POST",route="/v1/classify",status="200"}'] == 1
    assert found['xuntu_requests_total{method="POST",route="/v1/classify",status="415"}'] == 1
    assert found['xuntu_requests_total{method="other",route="other",status="404"}'] == 1
    assert found['xuntu_requests_total{method="GET",route="/web",status="200"}'] == 1
    assert found['xuntu_request_seconds_count{route="/v1/classify"}'] == 2


def test_photos_are_counted_by_verdict_and_their_stages_timed(scraped, photo, form):
    service, scrape = scraped
    case = service.post("/v1/classify", files=form(photo(), photo(300, 200))).json()
    verdicts = [seen["verdict"] for seen in case["photos"]]
    found = scrape()

    for verdict in ("problem", "review", "no_problem"):
        assert found[f'xuntu_photos_total{{verdict="{verdict}"}}'] == verdicts.count(verdict)
    assert found['xuntu_photo_stage_seconds_count{stage="upload"}'] == 1
    assert found['xuntu_photo_stage_seconds_count{stage="wait"}'] >= 2  # a first photo is examined at the start
    for stage in ("decode", "infer"):
        assert found[f'xuntu_photo_stage_seconds_count{{stage="{stage}"}}'] == 2
        assert found[f'xuntu_photo_stage_seconds_sum{{stage="{stage}"}}'] > 0


def test_model_queue_and_readiness_are_shown(scraped, classifier):
    card = classifier.card
    found = scraped[1]()

    labels = f'name="{card.name}",precision="{classifier.precision}",version="{card.version}"'
    assert found[f"xuntu_model_info{{{labels}}}"] == 1
    assert found["xuntu_queue_bytes"] == 0
    assert found['xuntu_ready{check="database"}'] == 1
    assert found["xuntu_data_free_bytes"] > 0


@pytest.mark.parametrize(("role", "status"), ROLE_NEEDED.items())
def test_where_keys_are_demanded_engineers_see_the_figures(serve_with, sent_by, role, status):
    service = serve_with(require_keys=True)

    assert service.get("/metrics", headers=sent_by(role)).status_code == status
    assert service.get("/metrics").status_code == 401


def test_reviews_say_where_person_and_machine_agree():
    metrics = Metrics(["garbage", "graffiti", "road_damage"])
    metrics.count_review(["garbage", "graffiti"], "problems", ["garbage", "road_damage"])
    metrics.count_review(["garbage"], "problems", ["garbage"])
    metrics.count_review([], "none")
    metrics.count_review(["garbage"], "not_judgeable")
    metrics.count_review(["made up"], "none")
    found = figures(metrics.render("")[0].decode())

    reviews = {result: found[f'xuntu_reviews_total{{result="{result}"}}'] for result in ("agreed", "disagreed")}
    assert reviews == {"agreed": 2, "disagreed": 2}
    assert found['xuntu_reviews_total{result="not_judgeable"}'] == 1
    assert found['xuntu_review_problems_total{problem="garbage",result="agreed"}'] == 2
    assert found['xuntu_review_problems_total{problem="graffiti",result="false_alarm"}'] == 1
    assert found['xuntu_review_problems_total{problem="road_damage",result="missed"}'] == 1
    assert found['xuntu_review_problems_total{problem="other",result="false_alarm"}'] == 1


def test_cases_count_their_duplicates_and_reviews(scraped, photo, form):
    service, scrape = scraped
    first, second = (service.post("/v1/cases", files=form(photo())).json() for _ in range(2))
    assert [earlier["case_id"] for earlier in second["duplicates"]] == [first["id"]]
    answer = service.post(f"/v1/cases/{first['id']}/review", json={"judgement": "problems", "problems": ["graffiti"]})
    assert answer.status_code == 200
    found = scrape()

    result = "agreed" if [problem["key"] for problem in first["problems"]] == ["graffiti"] else "disagreed"
    assert found[f'xuntu_reviews_total{{result="{result}"}}'] == 1
    assert found['xuntu_duplicates_total{reason="same_photo"}'] == 1


def test_two_services_in_one_process_count_apart():
    one, other = Metrics([]), Metrics([])
    one.count_duplicate("same_photo")

    assert b"same_photo" not in other.render("")[0]


def test_a_scraper_that_prefers_openmetrics_gets_it():
    body, media_type = Metrics([]).render("application/openmetrics-text; version=1.0.0")

    assert media_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
