"""The closed classes of English words that the rules go by."""

from typing import Final


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


BE: Final = _set("am is are was were")
MODALS: Final = _set("can could will would shall should may might must cannot")
DO: Final = _set("do does did")
HAVE: Final = _set("have has had")
AUXILIARIES: Final = BE | MODALS | DO | HAVE
WH: Final = _set("what who where when why how which whose whom")
DETERMINERS: Final = _set(
    "the a an my your our his her their its this that these those some any no every each another"
)
SUBJECTS: Final = _set("i you we he she it they this that there these those everybody everyone")
PREPOSITIONS: Final = _set(
    "to of in on at by for with from about into over under after before between through during "
    "without within near off up down out around against towards behind beside above below until"
)
ADVERBS: Final = _set(
    "just really also always never usually often still already only even ever probably actually "
    "maybe definitely certainly simply sometimes currently recently finally almost nearly soon "
    "both all not now then quite rather kindly honestly personally seriously normally generally"
)
# After these a clause with a subject of its own may begin.
CLAUSE_OPENERS: Final = _set(
    "that if when whether because since while where what how why who which as than before after "
    "until unless although though and but or so think thinks hope hopes know knows say says said "
    "guess guesses believe believes sure afraid glad suppose supposes wish wishes see heard hear "
    "thought knew mean means understand everything anything something nothing all once wherever "
    "whatever whenever like only moment time way day place reason thing things one"
)
# After these a verb in the base form has an object before it: `help you find`.
CAUSATIVES: Final = _set("help let make have see watch hear helps lets makes helped let made")
# What may follow an object `you` though it could be a verb.
PARTICLES: Final = _set("back right well like up out off down over in on away round very more")
FUNCTION: Final = _set(
    "the a an this these those it its there everybody everyone someone somebody nobody nothing "
    "something everything anything one two three four five six seven eight nine ten my your our "
    "his her their he she they we you today tomorrow yesterday tonight last next first most some "
    "many more other another each both"
)
# What a message may open with and lose without losing anything.
INTERJECTIONS: Final = _set(
    "well oh ok okay yes yeah yep no nope sure right hi hello hey thanks sorry alright certainly "
    "actually anyway so and but then now great good really please absolutely exactly indeed "
    "congratulations wow ah aha hmm um uh er ha haha lol aye nah look listen true fine excellent "
    "wonderful perfect definitely obviously basically unfortunately fortunately honestly however "
    "besides ahem morning nonsense"
)
# Of those, what may be dropped with no comma after it.
LEADING: Final = _set("well oh ok okay yes yeah hi hello hey so and but anyway actually ah haha")
# Phrases that a message may open with and lose with the comma after them, by their first word.
POLITE: Final = {
    "of": (("of", "course"),),
    "excuse": (("excuse", "me"),),
    "thank": (("thank", "you"),),
    "i": (("i", "see"), ("i", "mean")),
    "you": (("you", "know"),),
    "by": (("by", "the", "way"),),
    "in": (("in", "that", "case"),),
    "good": (("good", "morning"), ("good", "afternoon"), ("good", "evening"), ("good", "idea")),
    "great": (("great", "idea"),),
    "come": (("come", "on"),),
    "oh": (("oh", "no"),),
    "my": (("my", "god"),),
    "all": (("all", "right"),),
    "no": (("no", "problem"),),
    "do": (("do", "not", "worry"),),
    "never": (("never", "mind"),),
}
VOCATIVES: Final = _set(
    "sir madam mam miss mister doctor doc dear honey darling mom mum dad daddy mommy man dude guys "
    "folks everybody everyone all buddy mate lads boss professor officer please then though too"
)
# Common verbs in the base form: what an order or a suggestion begins with.
ACTIONS: Final = _set(
    "accept add answer apply arrange ask attend avoid bake be become begin book borrow bring build "
    "buy call cancel carry catch change check choose clean close collect come complete confirm "
    "consider contact cook copy count cover create cut deliver dig discuss do download draw dress "
    "drink drive drop eat enjoy enter exchange explain feed fill find finish fix fly follow forget "
    "get give go grab grow guess hand hang have hear help hold hurry imagine install invite join "
    "keep kick know learn leave lend let lie light listen live load lock look lose mail make mark "
    "measure meet mix move need offer open order paint park pass pay phone pick plan plant play "
    "practise practice prepare press pretend promise pull push put read relax remember remind "
    "remove rent repair replace reply return ride ring run save say search see sell send serve set "
    "share show sign sing sit sleep slow smile speak spend stand start stay stop study swim switch "
    "take talk taste teach tell think throw tidy touch travel treat try turn type use visit wait "
    "wake walk want wash watch wear win work worry write"
)
# Verbs by which nobody is asked to do something: `can you swim?` asks whether.
STATES: Final = _set(
    "be see hear imagine believe swim speak understand know remember guess feel like afford have "
    "smell need want manage cook drive play ride eat drink think do"
)
CAPITALIZED: Final = _set(
    "monday tuesday wednesday thursday friday saturday sunday january february march april june "
    "july august september october november december english french german spanish chinese "
    "christmas easter"
)
# Verbs whose forms after `he` are hardly ever plural nouns.
FINITE: Final = _set(
    "include need have do say tell think know want get give take go come make become seem mean "
    "keep let begin bring buy happen allow cost contain remain require leave arrive die grow lose "
    "fall believe agree hope ask break send stand understand write wear"
)
# After these `'s` is a verb; after other words it may be a possessive.
BEFORE_IS: Final = _set(
    "it that what there he she who where how here this everything everybody everyone when why "
    "something nothing"
)
# `Have a nice day` asks nobody to do anything.
WISHES: Final = _set("nice good great safe lovely pleasant wonderful")
# Verbs whose orders ask nobody to do anything.
WISHED: Final = _set("enjoy imagine guess worry hurry listen look be forget")
# What may follow the subject of `is the museum open`.
PREDICATES: Final = _set(
    "open free ready available okay ok still here there close far included alright expensive "
    "cheap safe good bad sure done finished broken necessary possible enough true"
)
# Adverbs that a statement may open with and lose.
EMPTY: Final = _set("just also actually now honestly personally seriously really")
# `I said …`: what was said is to be told, not that.
ABOUT_SPEECH: Final = _set("say said mean meant swear bet tell told repeat quote")
# Whom a message may call before `I`, `we` or `you`, with no comma.
CALLED: Final = _set("friends guys everyone everybody folks all people team lads")
# What no subject of a statement begins with.
NO_SUBJECTS: Final = _set(
    "not than because if and or but whether here as like anyone anybody much more less same such"
)
# What may stand within a noun phrase that makes a title, beside telling words.
ADJECTIVES: Final = _set(
    "old new big small little long short high low good bad best worst better first last next "
    "second third spare whole half full empty real main other free right wrong hard early late own "
    "great nice two three four five six seven eight nine ten"
)
TITLE_DETERMINERS: Final = _set("the a an my your our his her their every no")
TITLE_LINKS: Final = _set("of in on at for with from to about under behind between near without")
# Whom `they` could mean beside the one who speaks.
THIRD: Final = _set(
    "they them their theirs he she him her his anyone anybody everyone everybody someone somebody "
    "nobody who people"
)
# Pasts of common verbs that are base forms of rare ones.
AMBIGUOUS_PASTS: Final = _set("saw found felt fell left lay wound bore ground rose shot spat")
# What opens a clause that another follows: `if it rains, …`.
CONDITIONS: Final = _set(
    "if when after once before since unless until while although though whenever"
)
