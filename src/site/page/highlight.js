// Colours Python: one pass over the text with one expression. It knows words, not grammar, and that is enough here.

const KEYWORDS = new Set(`False None True and as assert async await break class continue def del elif else except
  finally for from global if import in is lambda nonlocal not or pass raise return try while with yield match case`
  .split(/\s+/));
const BUILTINS = new Set(`abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict dir divmod
  enumerate eval exec filter float format frozenset getattr globals hasattr hash help hex id input int isinstance
  issubclass iter len list locals map max memoryview min next object oct open ord pow print property range repr
  reversed round set setattr slice sorted staticmethod str sum super tuple type vars zip Exception ValueError
  TypeError KeyError IndexError RuntimeError StopIteration BaseException OSError ImportError AttributeError self cls`
  .split(/\s+/));

// A string that is not closed ends with its line, or with the text if it has three quotes.
const STRING = [
  /"""(?:\\[^]|[^\\])*?(?:"""|$)/, /'''(?:\\[^]|[^\\])*?(?:'''|$)/, /"(?:\\[^]|[^"\\\n])*"?/, /'(?:\\[^]|[^'\\\n])*'?/,
];
const join = (parts) => parts.map((part) => part.source).join("|");
const TOKEN = new RegExp([
  "(?<comment>#[^\\n]*)",
  `(?<string>(?:[rRbBuUfFtT]{1,2})?(?:${join(STRING)}))`,
  `(?<number>${/\b(?:0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?)[jJ]?/.source})`,
  "(?<decorator>@[\\w.]+)",
  "(?<word>[^\\W\\d]\\w*)",
].join("|"), "g");

const kindOfWord = (word, before) => {
  if (before === "def" || before === "class") return "name";
  if (KEYWORDS.has(word)) return "keyword";
  return BUILTINS.has(word) ? "builtin" : "";
};

// Puts the text, in coloured pieces, into an element.
export const highlight = (text, into) => {
  const pieces = document.createDocumentFragment();
  let end = 0;
  let before = "";
  const add = (piece, kind) => {
    if (!kind) {
      pieces.append(piece);
      return;
    }
    const span = document.createElement("span");
    span.className = `t-${kind}`;
    span.textContent = piece;
    pieces.append(span);
  };
  for (const match of text.matchAll(TOKEN)) {
    add(text.slice(end, match.index));
    end = match.index + match[0].length;
    const { word } = match.groups;
    const kind = word ? kindOfWord(word, before) : Object.keys(match.groups).find((name) => match.groups[name]);
    add(match[0], kind);
    before = word ?? "";
  }
  // The last line needs something in it to be as high as in the text area.
  add(`${text.slice(end)}\n`);
  into.replaceChildren(pieces);
};
