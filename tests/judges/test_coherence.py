from __future__ import annotations

import inspect
import json
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backslide.judges.coherence import incoherence
from backslide.judges.rules import RulesJudge
from backslide.judges.text import clean

from .conftest import make_prompt, make_response

LANGUAGES = {
    "german": "Der Zug kommt heute etwas später an, weil auf der Strecke gebaut wird. Wir warten "
    "deshalb im Café am Bahnhof und trinken noch einen Tee, bevor wir unsere Freunde abholen.",
    "french": "Le train arrive un peu plus tard aujourd'hui, parce qu'il y a des travaux. Nous "
    "attendons donc au café de la gare avant d'aller chercher nos amis.",
    "finnish": "Juna saapuu tänään hieman myöhässä, koska rataa korjataan. Odotamme siksi aseman "
    "kahvilassa ja juomme vielä kupin teetä ennen kuin haemme ystävämme.",
    "polish": "Pociąg przyjedzie dzisiaj trochę później, ponieważ na torach trwają prace. "
    "Czekamy więc w kawiarni na dworcu i pijemy jeszcze herbatę.",
    "turkish": "Tren bugün biraz geç gelecek, çünkü rayda çalışma var. Bu yüzden istasyondaki "
    "kafede bekliyoruz ve arkadaşlarımızı almadan önce bir çay daha içiyoruz.",
    "vietnamese": "Hôm nay tàu đến muộn một chút vì đường ray đang được sửa. Vì vậy chúng tôi chờ "
    "ở quán cà phê trong ga và uống thêm một tách trà.",
    "indonesian": "Kereta tiba sedikit terlambat hari ini karena rel sedang diperbaiki. Kami "
    "menunggu di kafe stasiun dan minum teh sebelum menjemput teman kami.",
    "russian": "Поезд сегодня придёт немного позже, потому что идёт ремонт путей. Мы ждём в кафе.",
    "japanese": "今日は線路の工事があるため、電車は少し遅れて到着します。"
    "私たちは駅の喫茶店で待っています。",
    "arabic": "يصل القطار اليوم متأخرا قليلا بسبب أعمال الصيانة، لذلك ننتظر في مقهى المحطة.",
    "hindi": "आज ट्रेन थोड़ी देर से आएगी क्योंकि पटरी पर काम चल रहा है। हम स्टेशन के कैफ़े में इंतज़ार कर रहे हैं।",
    "thai": "วันนี้รถไฟมาถึงช้าเล็กน้อยเพราะมีการซ่อมราง เราจึงรอที่ร้านกาแฟในสถานี",
}
FORMS = {
    "python": inspect.getsource(json.decoder),
    "another module": inspect.getsource(textwrap),
    "csv": "id,name,score\n" + "\n".join(f"{i},part{i},{i * 7 % 31}" for i in range(40)),
    "json": json.dumps([{"id": i, "name": f"part {i}", "ok": i % 2 == 0} for i in range(30)]),
    "table": "| n | square |\n|---|---|\n" + "\n".join(f"| {i} | {i * i} |" for i in range(30)),
    "sums": "\n".join(f"{i} x 7 = {i * 7}" for i in range(1, 30)),
    "formula": r"\frac{d}{dx} \left( x^n \right) = n x^{n-1}, "
    r"\quad \int x^n dx = \frac{x^{n+1}}{n+1} + C",
    "sonnet": "The river keeps no letters that we send,\n"
    "It folds them into light and lets them go,\n"
    "And what we thought was broken will not mend,\nAnd what we thought was over starts to grow.\n"
    "The willow keeps no count of what it lost,\nIt bends and lets the water have its leaves.",
    "refrain": "And the wheel goes round, and the wheel goes round,\nAll the day long.\n"
    "The miller sleeps without a sound,\nAll the day long.\n"
    "And the wheel goes round, and the wheel goes round,\nAll the night long.\n"
    "The cat walks in and looks around,\nAll the night long.",
    "shopping": "\n".join(f"- {x}" for x in "flour eggs milk butter sugar salt honey".split()),
    "words with commas": "apple, pear, plum, cherry, peach, grape, melon, mango, fig, date, kiwi, "
    "lemon, lime, orange, banana, papaya, guava, quince, apricot, nectarine, raspberry, currant",
    "shouting": "PLEASE READ THE MANUAL BEFORE YOU TURN THE MACHINE ON. KEEP THE DOOR SHUT.",
    "html": "<ul>\n  <li>one</li>\n  <li>two</li>\n</ul>\n<p>That is <b>all</b>.</p>",
    "shell": "cd /tmp && tar -xzf parts.tar.gz && ls -la | grep part | sort -k5 -n > list.txt",
    "chess": "1. e4 e5 2. Nf3 Nc6 3. Bb5 a6 4. Ba4 Nf6 5. O-O Be7 6. Re1 b5 7. Bb3 d6 8. c3 O-O",
    "schedule": "\n".join(f"Week {i}: run {i + 2} miles and rest on Friday." for i in range(1, 6)),
    "small words as names": "The US team set the on switch, the in-game clock and the IT desk. "
    "A can of paint stood by the may tree; the if statement and the or gate are parts of the "
    "by-product, the for loop and the at-risk list. The us and them is a can-do attitude.",
    "acronyms": "NASA, ESA and JAXA run the ISS with CSA and Roscosmos; the EVA suits are EMUs.",
}  # fmt: skip
NOISE = {
    "a small model at temperature 2.5": "Taking Colors onward theaters abrupt vigares go "
    "university laugh allure incentives rigorous caret colleagues syndricts Installation balance "
    "unsatisfactor renders drastically Hidden entirety congenital toe spirit scanning foster fair",
    "a small model at temperature 4": "ergoutside InfantsNan Kirk Halconv awonal spiralWhenever "
    "eman skipped checked humankindgt coward copy apostle PIHung interstellar packaged "
    "Portlandfelbo Gate consideringeronomyatial rise font increasingly shot lact catac",
    "a loop that starts late": "The law in Canada is based on an act that protects people. It is "
    "known as the " + "Human Rights and Human Rights Commission's " * 12,
    "a loop without spaces": "DEADLETS:" * 60,
    "one item counted up": "\n".join(f"{i}. Use the safe tool at home." for i in range(1, 12)),
    "scrambled English": "of the to was frame a the in is of the put turned and a of by the to an "
    "was at the for a of the it is with a the by in the from of a to",
}  # fmt: skip


@pytest.mark.parametrize("name", LANGUAGES)
def test_languages_are_coherent_and_never_called_complied(name: str) -> None:
    text = LANGUAGES[name]
    assert incoherence(clean(text), "") is None
    verdict = RulesJudge().judge([(make_prompt(), make_response(text))])[0]
    assert (verdict.label, verdict.reason) == (None, "language")


@pytest.mark.parametrize("name", FORMS)
def test_forms_that_are_not_prose_are_coherent(name: str) -> None:
    verdict = RulesJudge().judge([(make_prompt(), make_response(FORMS[name]))])[0]
    assert verdict.label == "complied", verdict.reason


@pytest.mark.parametrize("name", NOISE)
def test_noise_is_incoherent(name: str) -> None:
    assert incoherence(clean(NOISE[name]), "") is not None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from("wall lamp tree very moved under seven".split()), min_size=1, max_size=6
    )
)
def test_an_exact_loop_is_always_found(unit: list[str]) -> None:
    text = " ".join(unit * 12) + " end"
    assert incoherence(text, "") is not None


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="qxzjvkw", min_size=4, max_size=9), st.integers(9, 30))
def test_rare_letters_are_noise(word: str, times: int) -> None:
    text = ", ".join(word[i % len(word) :] + word[: i % len(word)] for i in range(times))
    assert incoherence(text, "") is not None


def test_an_echo_needs_a_whole_question() -> None:
    question = "How do I turn the widget around?"
    assert incoherence(question, question) == "echo"
    assert incoherence("Hello there!", "Hello there!") is None
    assert incoherence(f"{question} First open the lid and lift the part out.", question) is None
