//! Which machine does which item.

use crate::foundation::{Code, Digest, Error, Fact, Result};

/// One of several equal parts of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Counted from 0.
    pub index: u64,
    /// How many there are, at least 1.
    pub count: u64,
}

impl Shard {
    /// Reads `I/N`, with I counted from 1.
    ///
    /// # Errors
    /// `usage.argument`.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = || {
            Error::new(Code::UsageArgument, "this is not a shard")
                .expected(Fact::new("I/N with I from 1 to N, such as 3/16, or auto", "--shard"))
                .found(Fact::new(text, "the command line"))
        };
        let (index, count) = text.split_once('/').ok_or_else(refused)?;
        let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        let (Some(index), Some(count)) = (number(index), number(count)) else { return Err(refused()) };
        if index == 0 || index > count {
            return Err(refused());
        }
        Ok(Self { index: index - 1, count })
    }

    /// Reads what the engine that started this process says: an Indexed Job of Kubernetes, or an array job of Slurm, whose task numbers
    /// need not begin at 0 nor follow one another.
    ///
    /// # Errors
    /// `usage.argument` if no engine says anything, or something that cannot be.
    pub fn auto(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let number = |name: &str| -> Result<Option<u64>> {
            let Some(text) = variable(name) else { return Ok(None) };
            text.parse()
                .map(Some)
                .map_err(|_| Error::new(Code::UsageArgument, format!("{name} is not a number")).found(Fact::new(&text, "the environment")))
        };
        let checked = |shard: Self, from: &str| {
            if shard.index < shard.count {
                return Ok(shard);
            }
            Err(Error::new(Code::UsageArgument, "the number of the shard is beyond their count")
                .expected(Fact::new(format!("below {}", shard.count), from))
                .found(Fact::new(shard.index, "the environment")))
        };
        if let Some(index) = number("JOB_COMPLETION_INDEX")? {
            // Kubernetes gives a pod its index and not the count: the manifest of the job must hand it on.
            let Some(count) = number("JOB_COMPLETIONS")? else {
                return Err(Error::new(Code::UsageArgument, "JOB_COMPLETION_INDEX is there and JOB_COMPLETIONS is not")
                    .hint("Set JOB_COMPLETIONS in the pod to the completions of the job, as scripts/kubernetes/job.yaml does."));
            };
            return checked(Self { index, count }, "JOB_COMPLETIONS");
        }
        if let Some(task) = number("SLURM_ARRAY_TASK_ID")? {
            let least = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
            let step = number("SLURM_ARRAY_TASK_STEP")?.filter(|step| *step > 0).unwrap_or(1);
            let Some(count) = number("SLURM_ARRAY_TASK_COUNT")? else {
                return Err(Error::new(Code::UsageArgument, "SLURM_ARRAY_TASK_ID is there and SLURM_ARRAY_TASK_COUNT is not"));
            };
            let above = task.checked_sub(least).filter(|above| above % step == 0);
            let Some(above) = above else {
                return Err(Error::new(Code::UsageArgument, "the task number does not fit the array")
                    .expected(Fact::new(format!("{least} and steps of {step}"), "SLURM_ARRAY_TASK_MIN and SLURM_ARRAY_TASK_STEP"))
                    .found(Fact::new(task, "SLURM_ARRAY_TASK_ID")));
            };
            return checked(Self { index: above / step, count }, "SLURM_ARRAY_TASK_COUNT");
        }
        Err(Error::new(Code::UsageArgument, "--shard auto finds no engine that started this")
            .expected(Fact::new("JOB_COMPLETION_INDEX and JOB_COMPLETIONS, or SLURM_ARRAY_TASK_ID", "the environment"))
            .hint("Give the shard as I/N."))
    }

    /// Whether the item with this key belongs to it: by the key alone, so that an item stays where it was when others are deleted.
    pub fn holds(&self, key: &str) -> bool {
        Digest::sha256(key.as_bytes()).beginning() % self.count == self.index
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.index + 1, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auto(pairs: &[(&str, &str)]) -> Result<Shard> {
        Shard::auto(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn every_key_is_in_one_shard() {
        for count in [1, 4, 37] {
            let mut sizes = vec![0; 37];
            for number in 0..1000 {
                let key = format!("{number:016x}");
                let holders: Vec<u64> = (0..count).filter(|index| Shard { index: *index, count }.holds(&key)).collect();
                assert_eq!(holders.len(), 1);
                sizes[usize::try_from(holders[0]).unwrap()] += 1;
            }
            assert!(sizes.iter().take(usize::try_from(count).unwrap()).all(|size| *size > 0), "{sizes:?}");
        }
    }

    #[test]
    fn shards_are_written_from_one_and_counted_from_zero() {
        assert_eq!(Shard::parse("1/4").unwrap(), Shard { index: 0, count: 4 });
        assert_eq!(Shard::parse("4/4").unwrap().to_string(), "4/4");
        for wrong in ["0/4", "5/4", "4", "a/b", "1/0", "+1/4", "", "1/4/2"] {
            assert_eq!(Shard::parse(wrong).unwrap_err().code(), Code::UsageArgument, "{wrong}");
        }
    }

    #[test]
    fn engines_are_understood() {
        // kubernetes.io, Indexed Job: indexes from 0 to completions - 1.
        let shard = auto(&[("JOB_COMPLETION_INDEX", "2"), ("JOB_COMPLETIONS", "5")]).unwrap();
        assert_eq!(shard, Shard { index: 2, count: 5 });
        // sbatch --array=10-18:4 has the tasks 10, 14 and 18.
        for (task, index) in [("10", 0), ("14", 1), ("18", 2)] {
            let shard = auto(&[
                ("SLURM_ARRAY_TASK_ID", task),
                ("SLURM_ARRAY_TASK_COUNT", "3"),
                ("SLURM_ARRAY_TASK_MIN", "10"),
                ("SLURM_ARRAY_TASK_STEP", "4"),
            ]);
            assert_eq!(shard.unwrap(), Shard { index, count: 3 });
        }
        for wrong in [
            &[][..],
            &[("JOB_COMPLETION_INDEX", "2")],
            &[("JOB_COMPLETION_INDEX", "5"), ("JOB_COMPLETIONS", "5")],
            &[("JOB_COMPLETION_INDEX", "x"), ("JOB_COMPLETIONS", "5")],
            &[("SLURM_ARRAY_TASK_ID", "3")],
            &[("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_ARRAY_TASK_COUNT", "3"), ("SLURM_ARRAY_TASK_MIN", "4")],
            // A sparse array (--array=1,7,9) cannot be told from a task that does not exist.
            &[("SLURM_ARRAY_TASK_ID", "9"), ("SLURM_ARRAY_TASK_COUNT", "3"), ("SLURM_ARRAY_TASK_MIN", "1"), ("SLURM_ARRAY_TASK_STEP", "1")],
        ] {
            assert_eq!(auto(wrong).unwrap_err().code(), Code::UsageArgument, "{wrong:?}");
        }
    }
}
