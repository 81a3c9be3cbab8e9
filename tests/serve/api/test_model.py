"""GET /v1/model says what the card says."""

from serve.app import load_classifier
from serve.settings import Settings


def test_the_model_is_described_by_its_card(client, classifier):
    card = classifier.card

    answer = client.get("/v1/model").json()

    assert (answer["name"], answer["version"], answer["input_side"]) == (card.name, card.version, card.input_side)
    assert [label["key"] for label in answer["labels"]] == list(card.labels)
    first = answer["labels"][0]
    assert first["threshold"] == {
        "lower": card.thresholds[first["key"]].lower,
        "upper": card.thresholds[first["key"]].upper,
    }
    assert (first["name_zh"], first["name_en"]) == ("暴露垃圾", "exposed garbage")
    assert answer["evaluation"] == card.evaluation


def test_the_operator_picks_the_precision(serve_with):
    settings = Settings(precision="fp32")

    answer = serve_with(load_classifier(settings), precision="fp32").get("/v1/model").json()

    assert answer["precision"] == "fp32"
