"""Answers to photos that are sent again: the same, from memory, and only so many."""

import asyncio

import pytest

from serve.answers import AnswerCache
from serve.engine import Engine


@pytest.fixture
def counting(classifier):
    class Counting:
        card = classifier.card
        asked = 0

        def classify(self, photos):
            self.asked += 1
            return classifier.classify(photos)

        def describe(self, photos):
            self.asked += 1
            return classifier.describe(photos)

    return Counting()


def examine_one_after_the_other(model, photos, answer_cache_photos):
    async def run():
        engine = Engine(model, threads=1, queue_photos=9, queue_bytes=1_000, answer_cache_photos=answer_cache_photos)
        try:
            return [(await engine.examine([photo]))[0] for photo in photos]
        finally:
            engine.close()

    return asyncio.run(run())


def test_the_same_bytes_are_answered_alike_without_asking_the_model_again(counting, photo):
    first, again, other = examine_one_after_the_other(counting, [photo(), photo(), photo(640)], 10)

    assert first == again
    assert (other.classified.width, counting.asked) == (640, 2)


def test_the_photo_asked_for_longest_ago_is_forgotten_first(counting, photo):
    one, two, three = photo(64), photo(65), photo(66)

    examine_one_after_the_other(counting, [one, two, one, three, one, two], 2)

    assert counting.asked == 4  # one, two, three, and two again


def test_nothing_is_remembered_where_none_are_kept(counting, photo):
    examine_one_after_the_other(counting, [photo(), photo()], 0)

    assert counting.asked == 2


def test_an_answer_is_that_of_one_model(classifier, photo):
    (answer,) = classifier.classify([photo()])
    one, other = AnswerCache(5, "one"), AnswerCache(5, "other")
    one.keep("hash", answer)

    assert one.find("hash") == answer
    assert other.find("hash") is None


def test_a_plain_answer_does_not_pass_for_a_described_one_but_the_other_way_round(counting, photo):
    async def run():
        engine = Engine(counting, threads=1, queue_photos=9, queue_bytes=1_000, answer_cache_photos=10)
        try:
            wanted = (False, True, True, False)
            return [(await engine.examine([photo()], described=described))[0] for described in wanted]
        finally:
            engine.close()

    plain, described, again, plain_again = (answer.classified for answer in asyncio.run(run()))

    assert counting.asked == 2
    assert plain.signature is None
    assert described.signature.shape == (256,)
    assert again is described is plain_again
    assert plain.decision == described.decision


def test_an_answer_with_evidence_is_never_one_that_was_kept_and_is_not_kept(classifier, photo):
    asked = []

    class Noting:
        card = classifier.card

        def classify(self, photos, *, evidence=False):
            asked.append(evidence)
            return classifier.classify(photos, evidence=evidence)

    async def run():
        engine = Engine(Noting(), threads=1, queue_photos=9, queue_bytes=1_000, answer_cache_photos=10)
        try:
            for evidence in (True, False, False, True):
                await engine.examine([photo()], evidence=evidence)
        finally:
            engine.close()

    asyncio.run(run())

    assert asked == [True, False, True]


def test_a_described_answer_is_not_replaced_by_a_plain_one(classifier, photo):
    (plain,), (described,) = classifier.classify([photo()]), classifier.describe([photo()])
    answers = AnswerCache(5, "one")

    answers.keep("hash", described)
    answers.keep("hash", plain)

    assert answers.find("hash", described=True) is described
