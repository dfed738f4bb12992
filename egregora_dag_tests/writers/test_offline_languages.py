"""Posts in the language of the chat: a roof that leaks, in every language that has a file."""

import pytest

from egregora_dag.writers import Document, OfflineWriter
from egregora_dag.writers.languages import LANGUAGES, language_of, wording
from egregora_dag.writers.tokens import words
from egregora_dag_tests.writers.chats import chat

# Each: what is wrong, a question, its answer, a proposal, what was decided, a last question.
CHATS = {
    "en": (
        "The greenhouse roof is leaking over the tomatoes",
        "Does anybody know a glazier in town?",
        "My cousin is a glazier, he wants forty pounds a pane",
        "Then polycarbonate would be cheaper than glass",
        "We decided: tarp on Sunday, glazier after Easter",
        "Who brings the big ladder from the chapel?",
    ),
    "pt": (
        "O telhado da estufa está a pingar em cima dos tomates",
        "Alguém conhece um vidraceiro na cidade?",
        "O meu primo é vidraceiro, ele quer quarenta euros por vidro",
        "Então o policarbonato seria mais barato do que o vidro",
        "Ficou combinado: lona no domingo e vidraceiro depois da Páscoa",
        "Quem traz a escada grande da capela?",
    ),
    "es": (
        "El techo del invernadero gotea encima de los tomates",
        "¿Alguien conoce a un cristalero en el pueblo?",
        "Mi primo es cristalero y quiere cuarenta euros por cristal",
        "Entonces el policarbonato sería más barato que el cristal",
        "Quedamos en poner la lona el domingo y llamar al cristalero después",
        "¿Quién trae la escalera grande de la capilla?",
    ),
    "de": (
        "Das Dach vom Gewächshaus tropft auf die Tomaten",
        "Kennt jemand einen Glaser in der Stadt?",
        "Mein Vetter ist Glaser, er will vierzig Euro für eine Scheibe",
        "Dann wäre Polycarbonat aber billiger als Glas",
        "Beschlossen: am Sonntag die Plane, der Glaser kommt nach Ostern",
        "Wer bringt die große Leiter aus der Kapelle mit?",
    ),
    "fr": (
        "Le toit de la serre fuit au-dessus des tomates",
        "Est-ce que quelqu'un connaît un vitrier dans la ville ?",
        "Mon cousin est vitrier, il veut quarante euros pour une vitre",
        "Alors le polycarbonate serait moins cher que le verre",
        "On a décidé : la bâche dimanche et le vitrier après Pâques",
        "Qui apporte la grande échelle de la chapelle ?",
    ),
    "it": (
        "Il tetto della serra perde sopra i pomodori",
        "Qualcuno conosce un vetraio in città?",
        "Mio cugino è vetraio e vuole quaranta euro per ogni lastra",
        "Allora il policarbonato costerebbe meno del vetro",
        "Abbiamo deciso: il telo domenica e il vetraio dopo Pasqua",
        "Chi porta la scala grande della cappella?",
    ),
    "nl": (
        "Het dak van de kas lekt boven de tomaten",
        "Kent iemand een glaszetter in de stad?",
        "Mijn neef is glaszetter en hij wil veertig euro voor een ruit",
        "Dan zou polycarbonaat goedkoper zijn dan glas",
        "Besloten: zondag het zeil en de glaszetter na Pasen",
        "Wie brengt de grote ladder van de kapel mee?",
    ),
    "tr": (
        "Seranın çatısı domateslerin üstüne damlıyor ve çok kötü",
        "Şehirde bir camcı bilen var mı?",
        "Benim kuzenim camcı, her cam için kırk lira istiyor",
        "O zaman polikarbonat camdan daha ucuz olur",
        "Karar verdik: pazar günü branda, camcı bayramdan sonra",
        "Büyük merdiveni kim getiriyor acaba?",
    ),
    "id": (
        "Atap rumah kaca bocor di atas tomat kita",
        "Apakah ada yang kenal tukang kaca di kota?",
        "Sepupu saya tukang kaca, dia mau empat puluh ribu untuk satu kaca",
        "Kalau begitu polikarbonat lebih murah dari kaca",
        "Kita sepakat: terpal hari Minggu dan tukang kaca sesudah Lebaran",
        "Siapa yang membawa tangga besar dari kapel?",
    ),
    "ru": (
        "Крыша теплицы протекает прямо на помидоры",
        "Кто-нибудь знает стекольщика в городе?",
        "Мой двоюродный брат стекольщик, он хочет сорок рублей за стекло",
        "Тогда поликарбонат будет дешевле, чем стекло",
        "Решили: в воскресенье брезент, стекольщик после Пасхи",
        "Кто принесёт большую лестницу из часовни?",
    ),
    "ar": (
        "سقف البيت الزجاجي يسرب الماء على الطماطم",
        "هل يعرف أحد زجاجا في المدينة؟",
        "ابن عمي زجاج وهو يريد أربعين دينارا على كل لوح",
        "البولي كربونات أرخص من الزجاج في هذا السوق",
        "قررنا: الغطاء يوم الأحد والزجاج بعد العيد",
        "من سيحضر السلم الكبير من المخزن؟",
    ),
    "hi": (
        "ग्रीनहाउस की छत टमाटरों के ऊपर टपक रही है",
        "क्या कोई शहर में काँच वाले को जानता है?",
        "मेरा भाई काँच का काम करता है और वह चालीस रुपये माँगता है",
        "फिर प्लास्टिक की चादर काँच से सस्ती पड़ेगी",
        "तय हुआ: रविवार को तिरपाल और काँच वाला दिवाली के बाद",
        "मंदिर से बड़ी सीढ़ी कौन लाएगा?",
    ),
    "ja": (
        "温室の屋根からトマトの上に雨漏りしています",
        "町のガラス屋を知っている人はいますか？",
        "従兄弟がガラス屋で、一枚四千円だそうです",
        "それならポリカーボネートのほうがガラスより安いですね",
        "日曜日に防水シート、連休の後にガラス屋に決まりました",
        "礼拝堂の大きな梯子は誰が持ってきますか？",
    ),
    "ko": (
        "온실 지붕에서 토마토 위로 물이 새고 있어요",
        "시내에 유리 가게를 아는 사람 있어요?",
        "사촌이 유리 가게를 하는데 한 장에 사만 원이래요",
        "그럼 폴리카보네이트가 유리보다 싸겠네요",
        "일요일에 방수포를 덮고 유리는 명절 뒤에 하기로 했어요",
        "예배당의 큰 사다리는 누가 가져와요?",
    ),
    "zh": (
        "温室的屋顶漏水，正好滴在西红柿上面",
        "有人认识城里的玻璃师傅吗？",
        "我表哥是玻璃师傅，一块玻璃要四十块钱",
        "那样的话聚碳酸酯板比玻璃便宜",
        "我们决定：星期天盖防水布，玻璃师傅过节以后再来",
        "谁把礼堂的大梯子带过来？",
    ),
}
PEOPLE = ("Mara", "João", "Priya", "Ted", "Mara", "João")
PLACES = (
    *("who", "whom", "people", "topics", "quote", "text", "n", "total", "chat", "first", "last"),
    *("words", "roles", "date"),
)


def post(code: str) -> Document:
    (document,) = OfflineWriter().write(chat(*zip(PEOPLE, CHATS[code], strict=True)))
    return document


def test_every_language_is_tested() -> None:
    assert CHATS.keys() == LANGUAGES.keys()


@pytest.mark.parametrize("code", CHATS)
def test_a_few_messages_tell_their_language(code: str) -> None:
    assert language_of(words(" ".join(CHATS[code]))).code == code


@pytest.mark.parametrize("code", CHATS)
def test_a_post_is_worded_in_the_language_of_the_chat(code: str) -> None:
    document, language = post(code), wording(code)
    found = [line[3:] for line in document.content.splitlines() if line.startswith("## ")]
    assert set(found) <= set(language.headings.values())
    assert {language.headings["moments"], language.headings["people"]} <= set(found)
    if code != "en":
        assert not {"wrote", "talked", "asked", "and", "others"} & set(words(document.summary))


@pytest.mark.parametrize("code", CHATS)
def test_a_decision_is_found_in_every_language(code: str) -> None:
    decided = post(code).content.partition(f"## {wording(code).headings['decided']}\n")[2]
    assert CHATS[code][4] in decided.partition("##")[0]


@pytest.mark.parametrize("code", CHATS)
def test_a_title_is_of_the_language_and_no_list_of_words(code: str) -> None:
    title = post(code).title
    assert any(title.lower().rstrip("…") in text.lower() for text in CHATS[code])


@pytest.mark.parametrize("code", CHATS)
def test_a_language_says_the_same_things_as_english(code: str) -> None:
    english, language = wording("en"), wording(code)
    for group in ("headings", "media", "sentences"):
        assert getattr(language, group).keys() == getattr(english, group).keys()
    for sentence in english.sentences:
        assert language.say(sentence, **dict.fromkeys(PLACES, "x"))
        for place in PLACES:
            wanted = f"{{{place}}}"
            assert (wanted in english.sentences[sentence]) == (
                wanted in language.sentences[sentence]
            )


def test_english_is_taken_where_nothing_tells_the_language() -> None:
    assert language_of(["xyzzy", "plugh"]).code == "en"
    assert language_of([]).code == "en"


def test_a_few_words_of_another_language_do_not_change_the_chats() -> None:
    text = " ".join(CHATS["en"]) + " com licença obrigado"
    assert language_of(words(text)).code == "en"


def test_text_that_runs_the_other_way_is_isolated_within_a_sentence() -> None:
    english, arabic = wording("en"), wording("ar")
    assert english.isolated("يوسف") == "\u2068يوسف\u2069"
    assert arabic.isolated("Mara") == "\u2068Mara\u2069"
    assert english.isolated("João") == "João"
    assert arabic.isolated("يوسف") == "يوسف"


def test_a_post_with_names_of_both_directions_isolates_each_that_differs() -> None:
    turns = zip(("يوسف", "Mara") * 3, CHATS["ar"], strict=True)
    (document,) = OfflineWriter().write(chat(*turns))
    assert "\u2068Mara\u2069" in document.summary
    assert "— \u2068Mara\u2069, " in document.content
    assert "\u2068يوسف" not in document.summary


def test_names_are_listed_as_the_language_lists_them() -> None:
    names = ["A", "B", "C", "D", "E"]
    assert wording("en").listed(names, 3) == "A, B and 3 others"
    assert wording("de").listed(names[:3]) == "A, B und C"
    assert wording("ar").listed(["أ", "ب", "ج"]) == "أ، ب وج"
    assert wording("zh").listed(names[:2]) == "A和B"
