// A link that carries the code: in the fragment, which browsers send to nobody.
//
// `#p=NAME&r=RELEASE&t=THREAD&z=…` with the code deflated, or `&c=…` without, both in URL-safe base64 of UTF-8.

// A link that unpacks to more than this is none of ours.
const MOST = 1 << 20;

const toBase64 = (bytes) => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
};

const fromBase64 = (text) => {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
};

// The whole of a stream, as far as it is not absurdly long.
const readAll = async (stream) => {
  const reader = stream.getReader();
  const parts = [];
  let size = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.byteLength;
    if (size > MOST) {
      await reader.cancel();
      throw new Error("the code in this link is too long");
    }
    parts.push(part.value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
};

const makeTransform = (name) => {
  // Older browsers have no such class, or know another format only.
  try {
    return new globalThis[name]("deflate-raw");
  } catch {
    return null;
  }
};

// The fragment, without `#`, for a choice of package, release and thread, and the code.
export const writeFragment = async ({ code, ...choice }) => {
  const bytes = new TextEncoder().encode(code);
  const deflate = makeTransform("CompressionStream");
  const fields = new URLSearchParams(choice);
  if (deflate) {
    fields.set("z", toBase64(await readAll(new Blob([bytes]).stream().pipeThrough(deflate))));
  } else {
    fields.set("c", toBase64(bytes));
  }
  return fields.toString();
};

// What a fragment says: fields that it does not have are missing. Throws when its code cannot be read.
export const readFragment = async (fragment) => {
  const { z, c, ...choice } = Object.fromEntries(new URLSearchParams(fragment.replace(/^#/, "")));
  if (z === undefined && c === undefined) return choice;
  let bytes = fromBase64(z ?? c);
  if (z !== undefined) {
    const inflate = makeTransform("DecompressionStream");
    if (!inflate) throw new Error("this browser cannot unpack the code in this link; a newer one can");
    bytes = await readAll(new Blob([bytes]).stream().pipeThrough(inflate));
  }
  return { ...choice, code: new TextDecoder().decode(bytes) };
};
