"""Live at once, ready once the model has answered a photo."""

import time


def test_ready_waits_for_the_first_answer(serve_with, patient):
    service = serve_with(patient)

    assert service.get("/health/live").json() == {"status": "live"}
    before = service.get("/health/ready")
    assert (before.status_code, before.json()["code"], before.headers["retry-after"]) == (503, "not_ready", "1")

    patient.let_go.set()
    for _ in range(200):
        after = service.get("/health/ready")
        if after.status_code == 200:
            break
        time.sleep(0.01)
    assert after.json()["status"] == "ready"
    assert set(after.json()["checks"].values()) == {True}


def test_a_model_that_cannot_answer_never_gets_ready(serve_with, classifier):
    class Broken:
        card = classifier.card

        def classify(self, photos):
            raise RuntimeError("no memory")

    service = serve_with(Broken())
    time.sleep(0.2)

    assert service.get("/health/live").status_code == 200
    assert service.get("/health/ready").status_code == 503
