// The vocabulary of the generated chats. Invented talk of invented people.

export const languages: readonly (readonly string[])[] = [
  `the a to and you I it is we that for on with at see tomorrow today later okay thanks great dinner lunch train late home
  call back soon where when what time sorry just got your message photo kids school doctor weekend birthday party bring wine
  keys meeting office coffee rain sunny traffic parked outside love haha really sure maybe nothing everything good night
  morning`,
  `el la de que y a en un por con no una su para es al lo como más pero sus le ya este sí porque esta cuando muy sin sobre
  también hasta hay donde gracias mañana hoy casa tarde comida foto fiesta niños tren llego vale bueno claro besos abrazo
  trabajo médico noche días jajaja`,
  `der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie
  nach wird bei noch wie um morgen heute Abend danke gerne Zug verspätet Schlüssel Kinder Geburtstag Foto Arzt Büro Wetter
  schön später tschüss`,
  `o a de e que do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à seu sua ou ser
  quando muito há nos já está eu também só pelo obrigado amanhã hoje casa jantar foto festa crianças saudade beijo abraço
  kkkk`,
  `और है की में से का को के यह नहीं मैं तो हो ही था कल आज घर खाना बच्चे धन्यवाद ठीक अच्छा फोटो शाम सुबह देर जल्दी काम डॉक्टर
  मिलते हैं जन्मदिन मुबारक`,
  `в и не на я быть он с что а по это она этот к но они мы весь который из у то за свой что-то завтра сегодня дома поезд
  фото спасибо хорошо поздно ужин дети работа встреча ключи дождь ладно`,
  `في من على أن هذا مع كان إلى عن لا ما هو اليوم غدا البيت شكرا صورة الأولاد العمل مساء صباح الخير متأخر حسنا عشاء عيد سعيد
  إن شاء الله`,
  `yang dan di itu dengan untuk tidak ini dari dalam akan pada saya ke karena ada mereka sudah besok hari rumah makan foto
  terima kasih anak kerja dokter malam pagi terlambat jalan macet wkwk`,
].map(text => text.split(/\s+/));

export const emoji = ['😂', '❤️', '👍', '🙏', '😍', '🎉', '😭', '🤷🏽‍♀️', '👨‍👩‍👧', '🔥', '🥳', '☕'] as const;

export const firstNames =
  `Amara Ben Chiara Dmitri Elif Farid Greta Hana Ivan Joana Kofi Lena Mateo Nisha Omar Petra Quang Rosa
  Samir Tomasz Uma Viktor Wanjiru Ximena Yusuf Zoë Anil Birgit Carlos Dewi`.split(/\s+/);

export const lastNames =
  `Abara Bergmann Costa Dvorak Eriksen Fontaine Gupta Hashimoto Ibarra Jansen Kowalski Lindqvist Moreau
  Nakamura Okafor Petrov Quispe Rossi Silva Tanaka`.split(/\s+/);

export const groupSubjects = [
  'Family 🏡',
  'Football on Tuesdays',
  'School parents 4b',
  'Lake house 2026',
  'Book club',
  'Neighbours, third floor',
  'Choir: altos',
  'Büro Mittagessen',
  'Primos y primas',
  'रविवार की क्रिकेट',
] as const;
