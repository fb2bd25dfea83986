//! Takes a module apart into sections and imports, changes them, and puts it together again.

/// The sections of a module: number and bytes.
#[derive(Clone)]
pub(crate) struct Sections(pub(crate) Vec<(u8, Vec<u8>)>);

/// One import, with the bytes of its type as they are.
#[derive(Clone)]
pub(crate) struct Import {
    pub(crate) module: String,
    pub(crate) name: String,
    /// Kind and type.
    kind: Vec<u8>,
}

impl Import {
    /// The number of its type, if it is a function.
    pub(crate) fn function_type(&self) -> Option<u32> {
        (self.kind[0] == 0).then(|| number(&self.kind, &mut 1))
    }

    pub(crate) fn set_function_type(&mut self, index: u32) {
        self.kind = [vec![0], encoded(index)].concat();
    }
}

/// Reads a number in LEB128.
fn number(bytes: &[u8], at: &mut usize) -> u32 {
    let mut value = 0;
    let mut shift = 0;
    loop {
        let byte = bytes[*at];
        *at += 1;
        value |= u32::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

fn encoded(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn text(bytes: &[u8], at: &mut usize) -> String {
    let length = number(bytes, at) as usize;
    let text = String::from_utf8(bytes[*at..*at + length].to_vec()).unwrap();
    *at += length;
    text
}

/// The numbers of the sections of imports, types and code.
const IMPORTS: u8 = 2;
const TYPES: u8 = 1;
const CODE: u8 = 10;

impl Sections {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut at = 8;
        let mut sections = Vec::new();
        while at < bytes.len() {
            let id = bytes[at];
            at += 1;
            let length = number(bytes, &mut at) as usize;
            sections.push((id, bytes[at..at + length].to_vec()));
            at += length;
        }
        Self(sections)
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        for (id, body) in &self.0 {
            bytes.push(*id);
            bytes.extend(encoded(u32::try_from(body.len()).unwrap()));
            bytes.extend(body);
        }
        bytes
    }

    fn body(&self, wanted: u8) -> &[u8] {
        &self.0.iter().find(|(id, _)| *id == wanted).unwrap().1
    }

    pub(crate) fn imports(&self) -> Vec<Import> {
        let body = self.body(IMPORTS);
        let mut at = 0;
        let count = number(body, &mut at);
        let mut imports = Vec::new();
        for _ in 0..count {
            let (module, name) = (text(body, &mut at), text(body, &mut at));
            let start = at;
            at += 1;
            match body[start] {
                0 => drop(number(body, &mut at)),
                3 => at += 2,
                4 => {
                    at += 1;
                    number(body, &mut at);
                }
                // A table has the type of its elements before its limits.
                kind => {
                    at += usize::from(kind == 1);
                    let flags = body[at];
                    at += 1;
                    number(body, &mut at);
                    if flags & 1 == 1 {
                        number(body, &mut at);
                    }
                }
            }
            imports.push(Import { module, name, kind: body[start..at].to_vec() });
        }
        imports
    }

    pub(crate) fn with_imports(&self, imports: &[Import]) -> Self {
        let mut body = encoded(u32::try_from(imports.len()).unwrap());
        for Import { module, name, kind } in imports {
            for word in [module, name] {
                body.extend(encoded(u32::try_from(word.len()).unwrap()));
                body.extend(word.as_bytes());
            }
            body.extend(kind);
        }
        let replace =
            |(id, old): &(u8, Vec<u8>)| (*id, if *id == IMPORTS { body.clone() } else { old.clone() });
        Self(self.0.iter().map(replace).collect())
    }

    /// The same with functions that do nothing but trap, but for the last one, which is given.
    pub(crate) fn with_code(&self, last: &[u8]) -> Self {
        let trap: &[u8] = &[0, 0, 0x0b];
        let count = number(self.body(CODE), &mut 0);
        let mut body = encoded(count);
        for code in std::iter::repeat_n(trap, count as usize - 1).chain([last]) {
            body.extend(encoded(u32::try_from(code.len()).unwrap()));
            body.extend(code);
        }
        let replace = |(id, old): &(u8, Vec<u8>)| (*id, if *id == CODE { body.clone() } else { old.clone() });
        Self(self.0.iter().map(replace).collect())
    }

    /// The bytes of each function type.
    pub(crate) fn signatures(&self) -> Vec<Vec<u8>> {
        let body = self.body(TYPES);
        let mut at = 0;
        let count = number(body, &mut at);
        let mut types = Vec::new();
        for _ in 0..count {
            let start = at;
            at += 1;
            for _ in 0..2 {
                let length = number(body, &mut at) as usize;
                at += length;
            }
            types.push(body[start..at].to_vec());
        }
        types
    }
}
