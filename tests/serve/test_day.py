"""A short day on each database; `python -m tests.serve.day` lives a long one."""

from tests.serve.day import run_day


def test_after_a_day_the_books_agree_to_the_last_case(tmp_path, database_url):
    counted = run_day(40, tmp_path, database_url=database_url, kills=2)

    assert counted["case.created"] == 40
    assert counted["case.reviewed"] > 5
    assert counted["webhook_tries"] >= 3 * (counted["case.created"] + counted["case.reviewed"])
