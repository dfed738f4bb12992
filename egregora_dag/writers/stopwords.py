"""Words that say little.

The lists are the most common function words (articles, pronouns, prepositions, conjunctions,
auxiliaries and the vaguest verbs and adverbs) of twelve languages, and the small talk of chats:
greetings, thanks, agreement. A word on any of them is left out whatever the language of the chat.
"""

import re
from typing import Final


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENGLISH: Final = """
a able about above actually after again ago all almost already also although always am an and
another any anybody anymore anyone anything anyway are aren't around as ask asked at away back bad
be became because been before behind being below best better between big bit both but by call
called came can can't cannot case come comes coming could couldn't day days did didn't do does
doesn't doing don't done down each either else end enough even ever every everybody everyone
everything exactly far feel few find fine first for found from full get gets getting give given go
goes going gone gonna good got great guess guy guys had hadn't half happen happens hard has hasn't
have haven't having he he'd he'll he's hear heard help her here here's hers him his hold hope how
how's however i i'd i'll i'm i've if im in instead into is isn't it it'd it'll it's its itself ive
just keep kind know knew known knows last later least left less let let's lets like liked likely
little long look looking looks lot lots made make makes making many matter may maybe me mean means
might mine moment more most much must my myself name near nearly need needed needs never new next
nice no nobody none nope nor not nothing now of off oh old on once one ones only or other others
our ours out over own part people perhaps place please point possible pretty probably problem put
quite rather read real really right round said same saw say saying says see seem seems seen set
several shall she she'd she'll she's should shouldn't show side since small so some somebody
somehow someone something sometimes somewhere soon sort start started still stuff such suppose sure
take taken takes talk tell than that that'd that's thats the their theirs them themselves then
there there's these they they'd they'll they're they've thing things think this those though
thought three through time times to today together told tomorrow tonight too took tried true try
trying turn two type under until up upon us use used uses using usually very wait want wanted wants
was wasn't way we we'd we'll we're we've week well went were weren't what what's whatever whats
when where where's whether which while who who's whole whom whose why will wish with without won't
word work worked working works would wouldn't wrong year years yes yet you you'd you'll you're
you've your yours yourself dont doesnt didnt cant wont isnt youre theres hes shes couldnt wouldnt
shouldnt havent hasnt thing's someone's dunno kinda sorta wanna gotta ain't til till per via etc ie
eg ur u r morning afternoon evening night yesterday monday tuesday wednesday thursday friday
saturday sunday idea
"""
PORTUGUESE: Final = """
a à agora ainda algo alguém algum alguma alguns antes ao aos apenas aquela aquele aquilo as às até
bem boa bom cada coisa coisas com como da dá das de dela dele deles depois desde dessa desse desta
deste deu dia disso disse do dos e é ela elas ele eles em então entre era eram essa esse esta está
estão estar estava este estou eu faz fazer fica ficar foi for foram fosse gente há hoje isso isto
já la lá lhe mais mas me mesmo meu meus minha minhas muita muito muitos na nada não nas nem nessa
nesse nesta neste ninguém no nos nós nossa nosso num numa o os ou outra outro para pela pelo pode
podem por porque porquê pois pra pro quais qual quando quanto que quê quem quer quero sabe se seja
sem sempre ser seu seus só sobre somos sou sua suas também tão te tem tempo tenho ter teu teve
tinha tipo toda todas todo todos tu tua tudo um uma umas uns vai vamos vão ver vez você vocês vou
acho aí ali aqui assim cara né tá tô mano
"""
SPANISH: Final = """
ahí ahora al algo alguien algún alguna allí antes aquel aquella aquí así aún aunque bien bueno cada
casi como cómo con contra creo cual cuál cuando cuándo de del desde después dice dijo donde dónde
dos el él ella ellas ellos en entonces entre era eran eres es esa ese eso esta está están estar
este esto estos estoy fue fueron ha haber había hace hacer han hasta hay he hoy la las le les lo
los luego más me mi mí mientras mis mismo mucha mucho muchos muy nada nadie ni ningún no nos
nosotros nuestra nuestro nunca o os otra otro para pero poco por porque pues puede puedo que qué
quien quién quiero sé sea ser si sí sido siempre sin sobre son soy su sus también tan tanto te
tener tengo ti tiene tienen toda todas todo todos tu tú tus un una uno unos usted va vamos van ver
vez voy y ya yo
"""
GERMAN: Final = """
ab aber alle allem allen aller alles als also am an ander andere anderen auch auf aus bei beim bin
bis bist bisschen da dabei dafür damit dann daran das dass dazu dein deine dem den denn der des
deshalb dich die dies diese diesem diesen dieser dieses dir doch dort du durch eben ein eine einem
einen einer eines einfach einmal er erst es etwas euch euer für ganz gar geht gehen gemacht genau
gerade gern gibt gut gute habe haben hab halt hat hatte hätte heute hier hin ich ihm ihn ihnen ihr
ihre im immer in ins ist ja jede jeder jetzt kann kannst kein keine können könnte leider lieber
machen macht mal man mehr mein meine mich mir mit morgen muss müssen nach nicht nichts nie noch nun
nur ob oder ohne schon sehr sein seine seit sich sie sind so soll sollte sondern sonst über um und
uns unser unter viel viele vielleicht vom von vor wann war wäre waren warum was weil wenn wer werde
werden wie wieder will wir wird wirklich wo wohl wollen worden wurde würde zu zum zur zwei zwischen
"""
FRENCH: Final = """
ai ainsi alors après as assez au aucun aujourd'hui aussi autre autres aux avait avant avec avez
avoir avons beaucoup bien bon bonne ça car ce cela celle celui ces cet cette ceux chaque chez comme
comment dans de déjà demain depuis des deux dire dit dois donc dont du elle elles en encore entre
es est et étaient était être eu eux faire fait fais faut il ils jamais je juste la là le les leur
leurs lui ma mais mal me même mes mieux moi moins mon ne ni nos notre nous on ont ou où par parce
pas peu peut peux plus plutôt pour pourquoi puis quand que quel quelle quelque qui quoi rien sa
sais sans se sera ses si soit son sont sous suis sur ta te tes toi ton toujours tous tout toute
toutes très trop tu un une va vais vas vers veux voilà voir vos votre vous vraiment y
"""
ITALIAN: Final = """
abbiamo adesso al alla alle allo allora altra altro anche ancora appena avere aveva ben bene c'è
che chi ci ciò come con cosa cosi così da dal dalla davvero degli dei del della delle dello dentro
deve devo di dice dire dove due e è ed era erano essere fa fare fatto fino forse fra gli ha hai
hanno ho i il in invece io la lei li lo loro lui ma me meglio meno mi mia mio molto ne nei nel
nella no noi non nostra nostro o oggi ogni per perché però più poco poi possiamo posso proprio può
qua qualche qualcosa quale quando quanto quei quel quella quelle quello questa queste questo qui
quindi sarà se sei sempre senza si sì sia siamo solo sono sopra sta stato sto su sua sul sulla suo
tanto te ti tra troppo tua tuo tutta tutte tutti tutto un una uno va vai vi voglio voi
"""
DUTCH: Final = """
aan al alle alleen alles als altijd andere beetje ben bent bij daar dan dat de deze die dit doe
doen door dus een eens eerst en er even gaan gaat geen gewoon goed haar had hadden heb hebben heeft
heel hem het hier hij hoe hun iemand iets ik in is ja jaar je jij jouw jullie kan kon kun kunnen
kunt maar maken me meer men met mij mijn misschien moet moeten mogen na naar niet niets nog nou nu
of om omdat onder ons onze ook op over te tegen toch toen tot u uit van vandaag veel voor waar
waarom want waren was wat we wel welke werd weer wie wij wil willen worden wordt ze zeg zei zelf
zich zij zijn zo zonder zou
"""
TURKISH: Final = """
acaba ama artık aslında az bana bazı belki ben bence beni benim bile bir biraz biri birkaç birşey
biz bizi bizim böyle bu buna bunda bundan bunu bunun burada çok çünkü da daha de değil diye dolayı
en fakat falan filan gibi göre hala hangi hatta hem hep hepsi her herkes hiç için ile ise işte
kadar kendi ki kim mı mi mu mü nasıl ne neden nerede niye o olan olarak oldu olduğu olsa olur on
ona onda ondan onlar onu onun orada oysa öyle sadece sana sen seni senin siz sizi sizin sonra şey
şimdi şöyle şu tabi tamam tüm var ve veya ya yani yine yok zaten zaman
"""
INDONESIAN: Final = """
ada adalah aja agar akan aku anda apa apakah atau bagaimana banyak baru beberapa belum bisa boleh
buat bukan dah dalam dan dapat dari dengan di dia dong dulu ga gak gitu gue hal hanya harus ini itu
jadi jangan jika juga kalau kalo kamu kami kan karena kayak ke kenapa kita kok lagi lah lain lebih
lo loh lu mana masih mau mereka nah nanti ngga nggak nih nya oleh orang pada paling para pernah
punya saat saja sama sampai sangat satu saya sebagai sebelum sedang sekali sekarang semua seperti
sih siapa suka sudah supaya tadi tapi telah tentang terus tetapi tidak udah untuk waktu ya yah yang
yg
"""
RUSSIAN: Final = """
а без более был была были было быть в вам вас ведь весь во вот все всё всегда всего всех вы где да
даже для до его ее её если есть еще ещё ж же за завтра зачем здесь и из или им их к как какая какой
когда кого который которые кто ли лишь лучше мне много может можно мой моя мы на над надо нам нас
наш не него нет ни них ничего но ну о об один он она они оно от очень по под пока после потом
потому почему почти при просто про раз разве с сам сейчас сегодня со совсем так также такой там
тебе тебя тем теперь то тоже только того той тот тут ты у уж уже хорошо хотя чего чем через что
чтоб чтобы чуть эта эти это этого этой этом этот я
"""
ARABIC: Final = """
آه أن أنا أنت أنتم أو أي أيضا إذا إلا إلى إن إنه الآن التي الذي الذين اللي الى ان انا انت انه او اي
ايه بعد بعض بل بين بس تحت تلك ثم جدا حتى حيث خلال دون ده دي ذلك شي شيء عليه على عليك علي عن عند
عندما عندي غير فقط فوق في فيه فيها قال قبل قد كان كانت كل كم كما كنت كيف لا لأن لدي لقد لك لكن لم
لن له لها لو لي ليس ليش ما ماذا مثل مش مع معي من منذ منه مو نحن نفس ها هذا هذه هل هم هنا هناك هو هي
و وأنا وأن وإن والله وقد وكان ولا ولكن ولم وما وهو وهي يا يعني يكون يوم
"""
HINDI: Final = """
अगर अच्छा अपना अपनी अपने अब अभी आज आप आपका आपकी आपको इस इसका इसकी इसके इसको इसमें इसलिए इसी उन उनका
उनकी उनके उनको उस उसका उसकी उसके उसको उसने एक ऐसा और कब कभी कर करते करना करने करें कल कहाँ कहा का
काफी कि किस किसी की कुछ के कैसे को कोई कौन क्या क्यों गई गए गया चाहिए जब जहाँ जा जाता जाना जी जैसे
जो तक तब तरह तुम तू तो था थी थे दिया दो नहीं ना ने पर पास फिर बस बहुत बात बाद भी मुझे में मेरा मेरी
मेरे मैं मैंने यह यहाँ या ये रहा रही रहे लिए लेकिन वह वहाँ वाला वाले वे वो सब सभी साथ से हम हमारा
हमारे हमें ही हुआ हुई हुए है हैं हो होगा होता होना
"""

AGREEMENT: Final = _set(
    """agreed agree ok okay okey k deal yes yep yeah yup aye fine sure done happy perfect seconded
    sim combinado fechado beleza blz topo concordo bora vale sí si dale hecho acordado ja jawohl
    abgemacht einverstanden oui d'accord parfait certo va perfetto prima akkoord afgesproken
    tamam olur anlaştık oke setuju sepakat siap да ок ладно договорились согласен согласна хорошо
    نعم تمام اتفقنا موافق ماشي हाँ हां ठीक सहमत"""
)
SMALL_TALK: Final = _set(
    """hi hello hey heya hiya hallo hullo welcome morning evening night goodnight bye goodbye cheers
    thanks thank thx ty tnx cya ttyl brb lol lmao rofl omg wow aww sorry np congrats
    congratulations yay yess hmm hm mm mmm umm um uh er ah aha ahh ooh oops ouch huh eh argh ugh
    wtf haha nah oi olá ola bom boa dia tarde noite tchau obrigado obrigada obg valeu vlw abraço
    abs parabéns beijo hola buenos buenas días tardes noches gracias adiós felicidades saludos
    guten tag danke bitte tschüss moin servus glückwunsch grüße bonjour salut bonsoir merci
    bisous coucou félicitations ciao buongiorno buonasera grazie prego auguri dag hoi doei
    bedankt dankjewel dank gefeliciteerd merhaba selam günaydın teşekkürler teşekkür sağol halo
    hai selamat pagi siang malam terima kasih makasih привет здравствуйте спасибо пока пожалуйста
    поздравляю مرحبا اهلا أهلا السلام عليكم شكرا صباح مساء الخير النور مبروك नमस्ते धन्यवाद
    शुक्रिया नमस्कार बधाई lovely brilliant amazing cool awesome beautiful wonderful delicious
    excellent correct indeed noted sorted"""
)
# A cue is searched for only where one of these words stands.
DECISION_TRIGGERS: Final = _set(
    """decided settled final agreed agree going go plan decidido decidimos ficou combinado quedamos
    beschlossen machen décidé deciso afgesproken besloten verdik kararlaştırdık diputuskan
    disepakati решили решено договорились قررنا तय"""
)
DECISION_CUES: Final = re.compile(
    r"^(?:ok,? )?(?:so,? )?(?:decided\b|agreed:)|\b(?:it'?s (?:decided|settled)|final decision|"
    r"we(?:'ve| have)? (?:decided|agreed)|we(?:'ll| will|'re going to)? go with|we went with|"
    r"everyone agreed|the plan is|new plan:|decidido|decidimos|ficou combinado|combinado:|"
    r"quedamos en|beschlossen|wir machen das|(?:on a|c'est|abbiamo|è) (?:décidé|deciso)|"
    r"afgesproken:|besloten|karar verdik|kararlaştırdık|diputuskan|disepakati|решили|решено|"
    r"договорились:|قررنا|तय (?:हुआ|किया))"
)
WEAK_OPENERS: Final = _set(
    """i i'll i'd my me and but or so it it's its that that's thats this these those they they're he
    he's she she's we because then also yes no well oh ok okay just not which hmm if her his him
    them there i'm i've im e mas ou ele ela isso pero él ella eso und aber oder er sie das es et
    mais il elle ce ça ma lui"""
)
DETERMINERS: Final = _set(
    """the a an my your our his her their its this that these those some any no every each another o
    os um uma meu minha el los un una mi su der die das den dem ein eine einen le les du mon ma
    il lo gli uno de het een"""
)
STOP_WORDS: Final = _set(
    ENGLISH
    + PORTUGUESE
    + SPANISH
    + GERMAN
    + FRENCH
    + ITALIAN
    + DUTCH
    + TURKISH
    + INDONESIAN
    + RUSSIAN
    + ARABIC
    + HINDI
)
