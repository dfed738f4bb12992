"""What phones write in place of things that text cannot show, in the languages they speak.

English, Portuguese (both), Spanish, German, French, Italian, Dutch, Turkish, Indonesian, Russian,
Arabic and Hindi, and what is known of others. Regular expressions, without marks of direction;
letters of either case.
"""

from typing import Final

# `NAME (file attached)`, as Android writes.
ATTACHED: Final = (
    "file attached",
    "a(?:rquivo|nexo) anexado",
    "ficheiro anexado",
    "archivo adjunto",
    "Datei angehängt",
    "fichier joint",
    "file allegato",
    "bestand (?:bijgevoegd|toegevoegd)",
    "dosya ekl(?:i|endi)",
    "(?:file|berkas) terlampir",
    "файл (?:добавлен|прикреплён|прикреплен|приложен)",
    "(?:ال)?ملف (?:ال)?مرفق",
    "تم إرفاق الملف",
    "फ़ाइल (?:अटैच|संलग्न)(?: (?:की गई|है|किया गया))?",
    "załączono plik",
    "bifogad fil",
    "添付ファイル",
    "文件附件|附件|檔案已附加|文件已附加",
    "파일 첨부됨|파일 첨부",
)

# `<attached: NAME>`, as an iPhone writes.
TAGS: Final = (
    "attached",
    "anexado|anexo",
    "adjunto|archivo adjunto",
    "Anhang|angehängt",
    "pièce jointe",
    "allegato",
    "bijgevoegd|bijlage",
    "ekl(?:i|endi)|ek",
    "terlampir|dilampirkan",
    "прикреплено|вложение|прикреплён|добавлено",
    "(?:ال)?مُ?رفق|المرفقات",
    "संलग्न|अटैच(?: की गई| किया गया)?|अटैचमेंट",
    "załącznik|załączono",
    "bifogad",
    "添付ファイル",
    "附件|已附加",
    "첨부",
)

_IMAGE: Final = (
    "image|photo|imagem|foto|imagen|Bild|immagine|afbeelding|görüntü|resim|fotoğraf|gambar|"
    "изображение|фото|صورة|الصورة|छवि|इमेज|फ़ोटो|फोटो"
)
_VIDEO: Final = (
    "video|vídeo|GIF|video note|vídeo note|video-?bericht|nota de vídeo|Videonachricht|видео|"
    "видеозаметка|فيديو|الفيديو|मल्टीमीडिया वीडियो|वीडियो|जिफ़"
)
_AUDIO: Final = "audio|áudio|voice message|ses|suara|аудио|голосовое сообщение|صوت|الصوت|المقطع الصوتي|مقطع صوتي|ऑडियो"
_STICKER: Final = "sticker|figurinha|autocolante|stiker|çıkartma|стикер|ملصق|الملصق|स्टिकर|स्टीकर"
_DOCUMENT: Final = (
    "document|documento|Dokument|belge|dokumen|документ|файл|مستند|المستند|दस्तावेज़|डॉक्यूमेंट"
)
_CONTACT: Final = (
    "contact card|cartão de contato|cartão do contacto|contato|contacto|tarjeta de contacto|"
    "Kontaktkarte|fiche contact|carte de contact|scheda contatto|contactkaart|kartvizit|kişi kartı|"
    "kartu kontak|карточка контакта|контактная карточка|بطاقة جهة اتصال|بطاقة جهة الاتصال|"
    "संपर्क कार्ड|कॉन्टैक्ट कार्ड"
)
# Word of a medium → what it is: a `media_type`, or a kind of its own.
MEDIA_WORDS: Final = {
    "contact": _CONTACT,
    "image": _IMAGE,
    "video": _VIDEO,
    "audio": _AUDIO,
    "sticker": _STICKER,
    "document": _DOCUMENT,
}
_LEFT_OUT: Final = (
    "omitted|(?:ocultad|omitid|excluíd|não incluíd)[oa]|weggelassen|ausgelassen|"
    "omi(?:s|se)|absente?|retirée?|exclue?|omess[oa]|esclus[oa]|weggelaten|dahil edilmedi|"
    "tidak disertakan|опущен[оа]?|отсутствует|пропущен[оа]?|исключен[оа]?|исключён|"
    "غير مدرجة?|محذوفة?|مستبعدة?|छोड़ (?:दिया|दी) गया|छोड़ा गया|छोड़ी गई|हटाई गई|हटाया गया"
)
_NOUNS: Final = "|".join(MEDIA_WORDS.values())

# A file that is not in the export; group 1 tells what it was.
OMITTED: Final = (
    "<Media omitted>",
    "<Mídia (?:oculta|omitida)>",
    "<Ficheiro não revelado>|<Multim[eé]dia omitid[oa]>|<Multimédia não incluída>",
    "<(?:Multimedia|Archivo|Medios) omitid[oa]s?>",
    "<Medien (?:ausgeschlossen|weggelassen)>",
    "<(?:Fichier média omis|Médias? omis(?:es)?)>",
    "<Media (?:omessi|esclusi|non inclusi)>",
    "<Media weggelaten>",
    "<Medya (?:dahil edilmedi|atlandı)>",
    "<Media tidak disertakan>",
    "<Без медиафайлов>|<Медиафайл(?:ы)? (?:пропущены?|исключены?|опущены?|не включены)>",
    "<تم (?:استبعاد|حذف) الوسائط>|<الوسائط (?:غير مدرجة|محذوفة|مستبعدة)>|<ملف الوسائط غير مدرج>",
    "<मीडिया (?:छोड़ा गया|के बिना|हटाया गया|शामिल नहीं)(?: है)?>|<मीडिया फ़ाइल शामिल नहीं>",
    "<pominięto multimedia>|<Medi(?:a|et) har utelämnats>|<Mediu omis>",
    "<忽略多媒体文件>|<省略多媒體檔案>|<略去媒体文件>|<メディアは含まれていません>|<미디어 파일을 제외한 내용>",
    f"(?:{_NOUNS})\\s+(?:{_LEFT_OUT})",
    f"(?:تم (?:استبعاد|حذف|تجاهل))\\s+(?:{_NOUNS})",
)

VIEW_ONCE: Final = (
    r"<?View once (?:photo|video|voice message|message)(?: omitted)?\.?>?",
    r"You (?:received|sent) a view once (?:photo|video|voice message|message)\..*",
    r"<?(?:Foto|Vídeo|Mensagem|Imagem)(?: de)? (?:visualização única|temporári[oa])(?: ocultad[oa])?\.?>?",
    r"<?(?:Foto|Video|Vídeo|Mensaje|Imagen) (?:de|para ver) (?:una (?:sola )?vez|visualización única)"
    r"(?: omitid[oa])?\.?>?",
    r"<?(?:Foto|Video|Nachricht) (?:zur|für) (?:Einmalansicht|einmalige[nr]? Ansicht)(?: weggelassen)?\.?>?",
    r"<?Einmalansicht(?:s?-?(?:Foto|Video|Nachricht))?(?: weggelassen)?\.?>?",
    r"<?(?:Photo|Vidéo|Message) (?:à|en) (?:vue|affichage|visionnage) unique(?: omise?)?\.?>?",
    r"<?(?:Foto|Video|Messaggio) (?:visualizzabil[ei]|da visualizzare) una (?:sola )?volta(?: omess[oa])?\.?>?",
    r"<?Eenmalig(?:e)? (?:te bekijken|weergave)(?: (?:foto|video|bericht|voor.*))?(?: weggelaten)?\.?>?",
    r"<?(?:Bir kez|Tek seferlik) görüntülen(?:ebilen|me(?:lik)?)(?: .{0,20})?\.?>?",
    r"<?(?:Foto|Video|Pesan) sekali lihat(?: tidak disertakan)?\.?>?",
    r"<?(?:Фото|Видео|Сообщение)(?: для)? (?:однократного|одноразового) просмотра(?: опущено)?\.?>?",
    r"<?(?:صورة|فيديو|رسالة) (?:للعرض|العرض|عرض) (?:ل)?(?:لمرة|مرة) واحدة(?: .{0,20})?\.?>?",
    r"<?(?:एक बार|सिर्फ़ एक बार) (?:दिखने|देखे जाने|देखने) (?:वाला|वाली|योग्य) .{0,20}>?",
)

DELETED: Final = (
    r"This message was deleted(?: by admin .+)?\.?|You deleted this message(?: as admin)?\.?",
    r"(?:Mensagem|Esta mensagem foi) (?:apagada|eliminada)(?: pel[oa] admin .+)?\.?",
    r"(?:Você )?(?:apagou|eliminou) esta mensagem\.?|Apagaste esta mensagem\.?",
    r"Se eliminó este mensaje\.?|Eliminaste este mensaje\.?|Este mensaje fue eliminado\.?",
    r"Diese Nachricht wurde (?:gelöscht|von Admin .+ gelöscht)\.?",
    r"Du hast diese Nachricht (?:als Admin )?gelöscht\.?",
    r"Ce message a été supprimé(?: par .+)?\.?|Vous avez supprimé ce message\.?",
    r"Questo messaggio è stato eliminato\.?|Hai eliminato questo messaggio\.?",
    r"Dit bericht (?:is|werd) verwijderd\.?|(?:Je|U) (?:hebt|heeft) dit bericht verwijderd\.?",
    r"Bu mesaj silindi\.?|Bu mesajı sildin(?:iz)?\.?",
    r"Pesan ini (?:telah )?dihapus\.?|Anda (?:telah )?menghapus pesan ini\.?",
    r"(?:Данное |Это )?сообщение (?:было )?удалено\.?|Вы удалили (?:данное |это )?сообщение\.?",
    r"تم حذف هذه الرسالة\.?|(?:لقد )?(?:قمت بحذف|حذفت|حذفتَ) هذه الرسالة\.?",
    r"यह (?:मैसेज|संदेश) (?:हटाया|मिटाया|डिलीट किया|हटा दिया) गया(?: था| है)?[।.]?",
    r"आपने यह (?:मैसेज|संदेश) (?:हटाया|मिटाया|हटा दिया|मिटा दिया|डिलीट किया)(?: है)?[।.]?",
    r"Ta wiadomość została usunięta\.?|Usunięto tę wiadomość\.?",
    r"此消息已(?:被)?删除|此訊息已刪除|您已删除此消息|このメッセージは削除されました。?|삭제된 메시지입니다\.?",
)

EDITED: Final = (
    r"<This message was edited\.?>",
    r"<(?:Esta )?mensagem (?:foi )?editada\.?>",
    r"<Se editó este mensaje\.?>|<(?:Este )?mensaje (?:fue )?editado\.?>",
    r"<Diese Nachricht wurde bearbeitet\.?>",
    r"<Ce message a été modifié\.?>",
    r"<Questo messaggio è stato modificato\.?>|<Messaggio modificato\.?>",
    r"<Dit bericht (?:is|werd) bewerkt\.?>",
    r"<Bu mesaj düzenlendi\.?>",
    r"<Pesan ini (?:telah )?diedit\.?>",
    r"<(?:Данное |Это )?сообщение (?:было )?(?:изменено|отредактировано)\.?>",
    r"<(?:تم|جرى) تعديل هذه الرسالة\.?>|<تم تعديل الرسالة\.?>",
    r"<(?:यह|इस) (?:मैसेज|संदेश)(?: को)? (?:एडिट|संपादित|बदला)(?: किया)?(?: गया)?(?: है| था)?[।.]?>",
    r"<Edytowano tę wiadomość\.?>|<此消息已编辑>|<このメッセージは編集されました>|<메시지가 수정되었습니다>",
)

CALL: Final = (
    r"(?:Missed|Silenced|Incoming|Outgoing|Declined|Unanswered) (?:group )?(?:voice|video) call.*",
    r"(?:Voice|Video|Group) (?:chat|call)(?:[.,] .*)?",
    r"(?:Chamada|Ligação) de (?:voz|vídeo).*",
    r"(?:Llamada|Videollamada)(?: de (?:voz|vídeo|grupo))?(?: perdida)?(?:[.,] .*| a las .*)?",
    r"(?:Verpasster? )?(?:Gruppen-?)?(?:Sprach|Video)anruf(?:[.,] .*| um .*)?",
    r"Appel (?:vocal|vidéo|audio)(?: de groupe)?(?: manqué| sans réponse)?(?:[.,] .*| à .*)?",
    r"(?:Chiamata|Videochiamata)(?: vocale)?(?: di gruppo)?(?: persa| senza risposta)?(?:[.,] .*| alle .*)?",
    r"(?:Gemiste? )?(?:groeps)?(?:spraak|video)-?(?:oproep|gesprek)(?:[.,] .*| om .*)?",
    r"(?:Cevapsız )?(?:grup )?(?:sesli|görüntülü) arama(?:[.,] .*)?",
    r"Panggilan (?:suara|video|grup)(?: grup)?(?: tak terjawab| tidak terjawab)?(?:[.,] .*)?",
    r"(?:Пропущенный )?(?:групповой )?(?:аудио|видео)звонок(?:[.,] .*| в .*)?",
    r"مكالمة (?:جماعية )?(?:صوتية|فيديو|مرئية)(?: جماعية)?(?: فائتة| لم يُرد عليها)?(?:[.,،] .*| في .*)?",
    r"(?:छूटी हुई |मिस्ड |मिस हुई )?(?:वॉइस|वॉयस|वीडियो|ग्रुप) (?:वॉइस |वीडियो )?कॉल(?:[.,] .*)?",
)

POLL: Final = (
    "POLL|ENQUETE|SONDAGEM|VOTAÇÃO|ENCUESTA|UMFRAGE|SONDAGE|SONDAGGIO|PEILING|ANKET|"
    "JAJAK PENDAPAT|POLLING|ОПРОС|استطلاع(?: رأي)?|تصويت|पोल|ANKIETA|投票|アンケート|투표",
)

LIVE_LOCATION: Final = (
    "Live location shared",
    "Localização em tempo real (?:com)?partilhada|Localização em tempo real compartilhada",
    "Ubicación en tiempo real compartida",
    "Live-Standort (?:wird )?geteilt",
    "(?:Localisation|Position) en direct partagée",
    "Posizione(?: in tempo reale| attuale) condivisa",
    "Live ?-?locatie gedeeld",
    "Canlı konum paylaşıldı",
    "Lokasi (?:terkini|langsung) dibagikan",
    "(?:Трансляция геоданных|Геоданные транслируются|Текущее местоположение)",
    "تمت مشاركة الموقع المباشر|تمت مشاركة الموقع الحالي",
    "लाइव लोकेशन शेयर (?:की|किया) (?:गई|गया)|लाइव लोकेशन (?:शेयर )?की गई",
)

ENCRYPTION: Final = (
    "Messages and calls are end-to-end encrypted",
    "Messages you send to this (?:chat|group)",
    "As mensagens e as? (?:chamadas|ligações) s[ãa]o? ?protegidas|As mensagens e (?:as )?chamadas",
    "Los mensajes y las llamadas están cifrados",
    "Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt",
    "Les messages et les appels sont chiffrés",
    "I messaggi e le chiamate sono crittografati",
    "Berichten en (?:oproepen|gesprekken) (?:worden|zijn) end-to-end",
    "Mesajlar ve aramalar uçtan uca şifrelidir",
    "Pesan dan panggilan terenkripsi secara end-to-end",
    "Сообщения и звонки защищены",
    "الرسائل والمكالمات مشفرة",
    "मैसेज और कॉल|संदेश और कॉल",
)

# How phones name the file, in front of and behind the chat's title.
TITLES: Final = (
    ("WhatsApp Chat with ", ""),
    ("WhatsApp Chat - ", ""),
    ("WhatsApp Chat mit ", ""),
    ("WhatsApp-Chat mit ", ""),
    ("WhatsApp-chat met ", ""),
    ("WhatsApp Chat met ", ""),
    ("Conversa do WhatsApp com ", ""),
    ("Conversa do WhatsApp - ", ""),
    ("Chat de WhatsApp con ", ""),
    ("Chat de WhatsApp - ", ""),
    ("Discussion WhatsApp avec ", ""),
    ("Discussion WhatsApp - ", ""),
    ("Chat WhatsApp con ", ""),
    ("Chat WhatsApp - ", ""),
    ("Chat WhatsApp dengan ", ""),
    ("Obrolan WhatsApp dengan ", ""),
    ("Чат WhatsApp с контактом ", ""),
    ("Чат WhatsApp с группой ", ""),
    ("Чат WhatsApp с ", ""),
    ("Чат WhatsApp - ", ""),
    ("دردشة واتساب مع ", ""),
    ("محادثة واتساب مع ", ""),
    ("محادثة WhatsApp مع ", ""),
    ("دردشة WhatsApp مع ", ""),
    ("", " ile WhatsApp Sohbeti"),
    ("", " ile WhatsApp sohbeti"),
    ("", " के साथ WhatsApp चैट"),
    ("", "के साथ WhatsApp चैट"),
)
