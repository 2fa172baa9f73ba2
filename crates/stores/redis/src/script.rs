//! The scripts: one for each write, each on one key, each with at most one command that writes; and the command that creates what
//! is not there, which needs none.
//!
//! So an error of the engine that is one of its known refusals says that nothing was written. All compare the expiry in
//! the value with the caller's clock; the engine's clock only clears away what nobody looks at any more.

use redis::{Arg, Cmd, Script};

/// The expiry of the value in KEYS[1] from its header, in two halves, for not every engine reads 8 bytes at once.
macro_rules! alive {
    ($script:literal) => {
        concat!(
            "local head = redis.call('GETRANGE', KEYS[1], 0, 15)\n",
            "local alive = false\n",
            "if #head == 16 then\n",
            "  local high, low = struct.unpack('>i4I4', string.sub(head, 9, 16))\n",
            "  alive = high * 4294967296 + low > tonumber(ARGV[1])\n",
            "end\n",
            $script
        )
    };
}

/// Where something is there, which may have expired. ARGV: now, value, time to live. 1 where it is written.
const CREATE: &str = alive!(
    "if alive then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1"
);

/// ARGV: now, value, time to live, the loaded revision. 1 where it is written.
const REPLACE: &str = alive!(
    "if not alive or string.sub(head, 1, 8) ~= ARGV[4] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1"
);

/// ARGV: now. 1 where it was there and is gone.
const REMOVE: &str = alive!(
    "if not alive then return 0 end
redis.call('DEL', KEYS[1])
return 1"
);

/// The value, and a write that changes nothing: what waits for the replicas to have it waits for all that came before it. Where
/// nothing is there, an empty value stands for it for a moment, and is answered.
const CONFIRM: &str = "local value = redis.call('GET', KEYS[1])
if value and #value > 0 then
  redis.call('SETRANGE', KEYS[1], 0, string.sub(value, 1, 1))
  return value
end
redis.call('SET', KEYS[1], '', 'PX', 1)
return ''";

/// ARGV: now. 0 where it is alive, 1 where it had expired and is gone, 2 where it was not there.
const SWEEP: &str = alive!(
    "if #head == 0 then return 2 end
if alive then return 0 end
redis.call('DEL', KEYS[1])
return 1"
);

/// One script with the name that the engine gives it.
#[derive(Debug)]
pub(crate) struct Named {
    code: &'static str,
    hash: String,
}

impl Named {
    fn new(code: &'static str) -> Self {
        Self { code, hash: Script::new(code).get_hash().to_owned() }
    }

    /// The call for this key.
    pub(crate) fn call(&self, key: &str, args: &[&[u8]]) -> Call<'_> {
        let mut short = redis::cmd("EVALSHA");
        short.arg(&self.hash).arg(1).arg(key).arg(args);
        Call { short, script: self }
    }
}

/// A call of a script.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// By the script's name.
    pub(crate) short: Cmd,
    script: &'a Named,
}

impl Call<'_> {
    /// With the whole script, for an engine that has forgotten it (or was never told); it remembers it from then on.
    pub(crate) fn long(&self) -> Cmd {
        let mut long = redis::cmd("EVAL");
        long.arg(self.script.code);
        // After the command's name and the script's.
        for word in self.short.args_iter().skip(2) {
            if let Arg::Simple(word) = word {
                long.arg(word);
            }
        }
        long
    }
}

/// Creates a record where nothing is there; what is answered otherwise is nil.
pub(crate) fn create_new(key: &str, value: &[u8], keep: &str) -> Cmd {
    let mut command = redis::cmd("SET");
    command.arg(key).arg(value).arg("NX").arg("PX").arg(keep);
    command
}

/// All scripts.
#[derive(Debug)]
pub(crate) struct Scripts {
    pub(crate) create: Named,
    pub(crate) replace: Named,
    pub(crate) remove: Named,
    pub(crate) sweep: Named,
    pub(crate) confirm: Named,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            create: Named::new(CREATE),
            replace: Named::new(REPLACE),
            remove: Named::new(REMOVE),
            sweep: Named::new(SWEEP),
            confirm: Named::new(CONFIRM),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_call_has_the_same_key_and_arguments() {
        let scripts = Scripts::new();
        let call = scripts.create.call("g:1", &[b"7", b"\x00\xff", b""]);
        let words = |command: &Cmd| -> Vec<Vec<u8>> {
            let word = |word| if let Arg::Simple(word) = word { <[u8]>::to_vec(word) } else { Vec::new() };
            command.args_iter().map(word).collect()
        };
        let rest: [&[u8]; 5] = [b"1", b"g:1", b"7", b"\x00\xff", b""];
        assert_eq!(words(&call.short), [&[b"EVALSHA", scripts.create.hash.as_bytes()][..], &rest].concat());
        assert_eq!(words(&call.long()), [&[b"EVAL", CREATE.as_bytes()][..], &rest].concat());
    }
}
