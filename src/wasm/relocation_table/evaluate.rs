//! What straight-line code writes to memory, told without running it.

use std::collections::HashMap;

use wasmparser::{MemArg, MemArgTarget, Operator};

/// A number: a constant, or the value of a global plus a constant. Addition wraps, as in WebAssembly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    /// The number of the global.
    pub(super) global: Option<u32>,
    /// The constant.
    pub(super) constant: u32,
}

/// Something that code does and that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It stores a word of 32 bits.
    Store(Store),
    /// It writes so many bytes that are not told apart.
    Overwrite { address: Sum, length: u32 },
    /// It sets a global.
    SetGlobal,
}

/// A word of 32 bits and where it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Store {
    pub(super) address: Sum,
    pub(super) value: Sum,
}

/// The effects of a function without parameters; none if it does anything that cannot be told.
///
/// `call` gives the effects of the functions that it calls.
pub(super) fn evaluate(
    operators: &[Operator<'_>],
    call: &dyn Fn(u32) -> Option<Vec<Effect>>,
) -> Option<Vec<Effect>> {
    let mut state = State::default();
    for operator in operators {
        match *operator {
            // Blocks are not known, so that the first end is the function's.
            Operator::End | Operator::Return => return Some(state.effects),
            Operator::Call { function_index } => state.effects.extend(call(function_index)?),
            ref other => state.take(other)?,
        }
    }
    None
}

#[derive(Default)]
struct State {
    stack: Vec<Sum>,
    /// Locals start as 0.
    locals: HashMap<u32, Sum>,
    effects: Vec<Effect>,
}

impl State {
    fn take(&mut self, operator: &Operator<'_>) -> Option<()> {
        match *operator {
            Operator::Nop | Operator::DataDrop { .. } => {}
            Operator::I32Const { value } => self.stack.push(Sum::constant(value.cast_unsigned())),
            Operator::GlobalGet { global_index } => {
                self.stack.push(Sum { global: Some(global_index), constant: 0 });
            }
            Operator::I32Add => {
                let (right, left) = (self.stack.pop()?, self.stack.pop()?);
                self.stack.push(left.plus(right)?);
            }
            Operator::I32Sub => {
                let (right, left) = (self.stack.pop()?, self.stack.pop()?);
                self.stack.push(left.plus(Sum::constant(right.known()?.wrapping_neg()))?);
            }
            Operator::LocalGet { local_index } => {
                self.stack.push(self.locals.get(&local_index).copied().unwrap_or_default());
            }
            Operator::LocalSet { local_index } => {
                let value = self.stack.pop()?;
                self.locals.insert(local_index, value);
            }
            Operator::LocalTee { local_index } => {
                self.locals.insert(local_index, *self.stack.last()?);
            }
            Operator::Drop => drop(self.stack.pop()?),
            Operator::GlobalSet { .. } => {
                self.stack.pop()?;
                self.effects.push(Effect::SetGlobal);
            }
            Operator::I32Store { memarg } => {
                let (value, address) = (self.stack.pop()?, self.stack.pop()?);
                let address = address.beyond(memarg)?;
                self.effects.push(Effect::Store(Store { address, value }));
            }
            Operator::MemoryFill { mem: 0 } | Operator::MemoryInit { mem: 0, .. } => {
                let (length, _, address) = (self.stack.pop()?, self.stack.pop()?, self.stack.pop()?);
                self.effects.push(Effect::Overwrite { address, length: length.known()? });
            }
            _ => return None,
        }
        Some(())
    }
}

impl Sum {
    fn constant(constant: u32) -> Self {
        Self { global: None, constant }
    }

    fn known(self) -> Option<u32> {
        self.global.is_none().then_some(self.constant)
    }

    fn plus(self, other: Self) -> Option<Self> {
        let global = match (self.global, other.global) {
            (Some(_), Some(_)) => return None,
            (one, another) => one.or(another),
        };
        Some(Self { global, constant: self.constant.wrapping_add(other.constant) })
    }

    /// The address that an instruction with its own offset reaches.
    fn beyond(self, operand: MemArg) -> Option<Self> {
        let offset =
            u32::try_from(operand.offset).ok().filter(|_| operand.target == MemArgTarget::Memory(0))?;
        Some(Self { constant: self.constant.checked_add(offset)?, ..self })
    }
}

/// The value of a constant expression, if it is such a sum.
pub(super) fn value(operators: &[Operator<'_>]) -> Option<Sum> {
    let mut state = State::default();
    for operator in operators.iter().filter(|operator| !matches!(operator, Operator::End)) {
        state.take(operator)?;
    }
    state.stack.pop().filter(|_| state.stack.is_empty() && state.effects.is_empty())
}
