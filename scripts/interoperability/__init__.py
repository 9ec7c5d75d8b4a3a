"""The checks of scripts/interop, by what is asked: do we read theirs, do they read ours, do we agree, does it run."""
