"""The page in a real browser: a photo is chosen, sent, and its verdict read in Chinese, then in English."""

import re
import shutil
from pathlib import Path

import pytest

import serve
from model.quality import ADVICE
from serve.settings import Settings

playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
CHROMIUM = shutil.which("chromium")
WEB = Path(serve.__file__).parent / "web"
VERDICTS = {"problem": ("发现问题", "Problem found"), "review": ("需人工查看", "Needs a person")} | {
    "no_problem": ("未发现问题", "No problem found")
}
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Open the page of a service on a phone; whatever it complains of fails the test."""
    complaints = []
    context = browser.new_context(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    context.set_default_timeout(10_000)

    def open_it(client):
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console", lambda message: complaints.append(message.text) if "Security Policy" in message.text else None
        )
        page.goto(str(client.base_url))
        return page

    yield open_it
    context.close()
    assert complaints == []


def chosen(*photos):
    return [{"name": f"{number}.jpg", "mimeType": "image/jpeg", "buffer": data} for number, data in enumerate(photos)]


def test_a_photo_is_sent_and_its_verdict_read_in_both_languages(client, open_page, classifier, photo):
    (expected,) = classifier.classify([photo()])
    in_chinese, in_english = VERDICTS[expected.decision.verdict]
    page = open_page(client)

    page.set_input_files("#camera-file", chosen(photo()))
    assert page.inner_text("#send") == "开始识别（1 张）"
    page.click("#send")
    page.wait_for_selector("#result h2")
    assert page.inner_text("#result h2") == in_chinese

    page.click("#language")
    assert page.inner_text("#result h2") == in_english
    assert page.get_attribute("html", "lang") == "en"
    page.reload()
    assert page.inner_text("#camera") == "Camera"  # remembered


def test_photos_that_show_too_little_are_to_be_taken_again(client, open_page, dark_photo):
    page = open_page(client)

    page.set_input_files("#gallery-file", chosen(dark_photo, dark_photo))
    page.click("#send")
    page.wait_for_selector("#result h2")

    assert page.inner_text("#result h2") == "需人工查看"
    assert page.inner_text("#result .verdict p") == "凭照片无法判断"
    assert page.locator("#result > .advice").all_inner_texts() == ["太暗，请补光或换角度重拍"]
    assert page.locator(".per-photo li .photo-advice").all_inner_texts() == ["太暗，请补光或换角度重拍"] * 2
    assert page.inner_text("#again") == "重拍"
    page.click("#language")
    assert page.inner_text("#result > .advice") == "Too dark: take it again with more light or from another side"
    assert page.inner_text("#again") == "Take it again"


def test_a_photo_that_shows_too_little_beside_a_usable_one_has_its_advice_below_it(
    client, open_page, photo, dark_photo
):
    page = open_page(client)

    page.set_input_files("#gallery-file", chosen(photo(), dark_photo))
    page.click("#send")
    page.wait_for_selector("#result h2")

    assert page.locator("#result > .advice").count() == 0
    assert page.locator(".per-photo li:nth-child(1) .photo-advice").count() == 0
    assert page.inner_text(".per-photo li:nth-child(2) .photo-advice") == "太暗，请补光或换角度重拍"
    assert page.inner_text("#again") == "识别下一处"


def test_the_page_says_of_a_photo_what_the_service_says():
    texts = (WEB / "texts.js").read_text(encoding="utf-8")

    for issue, advice in ADVICE.items():
        assert all(f'{issue}: "{words}"' in texts for words in advice.values())


def test_several_photos_are_shown_one_by_one_and_nothing_is_wider_than_the_phone(client, open_page, photo):
    page = open_page(client)

    page.set_input_files("#gallery-file", chosen(*[photo()] * 10))
    assert page.inner_text("#note") == "最多 9 张，多余的照片未加入。"
    page.click("[aria-label='移除第 9 张照片']")
    page.click("#send")
    page.wait_for_selector("#result h2")

    assert page.locator(".per-photo li").count() == 8
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_a_bad_photo_is_pointed_at(client, open_page, photo):
    page = open_page(client)

    page.set_input_files("#gallery-file", chosen(photo(), b"no photo"))
    page.click("#send")
    page.wait_for_selector("#failure h2")
    assert "第 2 个文件" in page.inner_text("#failure-detail")

    page.click("#change")
    assert "bad" in page.get_attribute("#photos li:nth-child(2)", "class")


def test_a_lost_connection_keeps_the_photos_for_another_try(client, open_page, photo):
    page = open_page(client)
    page.route("**/v1/classify*", lambda route: route.abort())
    page.set_input_files("#camera-file", chosen(photo()))

    page.click("#send")
    page.wait_for_selector("#failure h2")
    assert page.inner_text("#failure-title") == "连接中断"

    page.unroute("**/v1/classify*")
    page.click("#retry")
    page.wait_for_selector("#result h2")


def test_sending_can_be_cancelled(serve_with, open_page, patient, photo):
    page = open_page(serve_with(patient))
    page.set_input_files("#camera-file", chosen(photo()))

    page.click("#send")
    page.click("#cancel")

    assert page.is_visible("#send")


def test_a_key_is_asked_for_and_remembered(serve_with, open_page, make_key, photo):
    token = make_key("patrol")
    page = open_page(serve_with(require_keys=True))
    page.set_input_files("#camera-file", chosen(photo()))

    page.click("#send")
    page.fill("#key", "xt_wrong")
    page.click("#key-form button")
    page.wait_for_selector("text=密钥无效")
    page.fill("#key", token)
    page.click("#key-form button")

    page.wait_for_selector("#result h2")
    assert page.evaluate("localStorage.getItem('xuntu.key')") == token


def test_the_page_knows_the_limits_of_the_service():
    script = (WEB / "app.js").read_text(encoding="utf-8")
    defaults = Settings.model_fields

    assert f"MAX_PHOTOS = {defaults['max_photos'].default};" in script
    assert f"MAX_PHOTO_BYTES = {defaults['max_photo_bytes'].default};" in script


def test_the_page_stays_within_what_old_phones_know():
    script = "".join((WEB / name).read_text(encoding="utf-8") for name in ("app.js", "texts.js"))
    style = (WEB / "style.css").read_text(encoding="utf-8")

    assert not re.search(r"\?\.[a-zA-Z(\[]|\?\?|replaceChildren|structuredClone|\.at\(|replaceAll", script)
    assert not re.search(r"(?<!grid-)gap:|aspect-ratio|inset:|:has\(|clamp\(|:is\(", style)
