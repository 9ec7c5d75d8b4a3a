"""Dockerfiles on an old and on a new base, and what becomes of the image when it is built again on the new one.

Each pair is: a name, the old base, the new base, the app, and the fields in which a rebase of the first may differ from a build of the
second. Those must be reported. They were written down from the rules of Dockerfile builders, before anything was run.
"""

import re


def instructions(text):
    return [line.strip() for line in text.strip().splitlines() if line.strip()]


class Pair:
    def __init__(self, name, old, new, app, differs=()):
        self.name, self.differs = name, list(differs)
        self.old = "\n".join(["FROM scratch", "COPY old /etc/release", *instructions(old)])
        self.new = "\n".join(["FROM scratch", "COPY new /etc/release", *instructions(new)])
        self.app = "\n".join(["FROM localhost/base:1", "COPY app /files/app", *instructions(app)])


OLD_LAUNCH = 'ENTRYPOINT ["/old"]\nCMD ["-a"]'
NEW_LAUNCH = 'ENTRYPOINT ["/new"]\nCMD ["-b"]'

PAIRS = [
    # Entrypoint and command.
    Pair("launch-inherited", OLD_LAUNCH, NEW_LAUNCH, ""),
    Pair("launch-cmd-only", OLD_LAUNCH, NEW_LAUNCH, 'CMD ["serve"]'),
    Pair("launch-cmd-only-same-cmd-below", OLD_LAUNCH, 'ENTRYPOINT ["/new"]\nCMD ["-a"]', 'CMD ["serve"]'),
    Pair("launch-cmd-only-new-has-no-entrypoint", OLD_LAUNCH, 'CMD ["-b"]', 'CMD ["serve"]'),
    Pair("launch-cmd-only-old-has-no-entrypoint", 'CMD ["-a"]', NEW_LAUNCH, 'CMD ["serve"]'),
    Pair("launch-cmd-only-bases-have-none", "", "", 'CMD ["serve"]'),
    Pair("launch-cmd-set-again", OLD_LAUNCH, NEW_LAUNCH, 'CMD ["-a"]'),
    Pair("launch-cmd-emptied", OLD_LAUNCH, NEW_LAUNCH, "CMD []"),
    Pair("launch-entrypoint-only", OLD_LAUNCH, NEW_LAUNCH, 'ENTRYPOINT ["/app"]'),
    Pair("launch-entrypoint-only-new-has-cmd", 'CMD ["-a"]', 'CMD ["-b"]', 'ENTRYPOINT ["/app"]'),
    Pair("launch-entrypoint-only-new-gains-cmd", "", 'CMD ["-b"]', 'ENTRYPOINT ["/app"]'),
    Pair("launch-entrypoint-set-again", OLD_LAUNCH, NEW_LAUNCH, 'ENTRYPOINT ["/old"]'),
    Pair("launch-entrypoint-emptied", OLD_LAUNCH, NEW_LAUNCH, 'ENTRYPOINT []\nCMD ["serve"]'),
    Pair("launch-both", OLD_LAUNCH, NEW_LAUNCH, 'ENTRYPOINT ["/app"]\nCMD ["serve"]'),
    Pair("launch-both-set-again", OLD_LAUNCH, NEW_LAUNCH, OLD_LAUNCH),
    Pair("launch-cmd-before-entrypoint", OLD_LAUNCH, NEW_LAUNCH, 'CMD ["serve"]\nENTRYPOINT ["/app"]'),
    Pair("launch-new-has-none", OLD_LAUNCH, "", ""),
    # The shell form: buildah runs it by /bin/sh whatever SHELL says, docker by the base's SHELL.
    Pair("shell-form-cmd", OLD_LAUNCH, NEW_LAUNCH, "CMD serve it"),
    Pair("shell-form-cmd-other-shell", 'SHELL ["/bin/sh", "-e", "-c"]', 'SHELL ["/bin/bash", "-c"]', "CMD serve it"),
    Pair("shell-form-entrypoint-other-shell", "", 'SHELL ["/bin/bash", "-c"]', "ENTRYPOINT serve it"),
    Pair("shell-of-the-app", "", 'SHELL ["/bin/bash", "-c"]', 'SHELL ["/bin/ash", "-c"]\nCMD serve it'),
    Pair("shell-inherited", 'SHELL ["/bin/sh", "-e", "-c"]', 'SHELL ["/bin/bash", "-c"]', 'CMD ["serve"]'),
    Pair("shell-set-again", 'SHELL ["/bin/ash", "-c"]', 'SHELL ["/bin/bash", "-c"]', 'SHELL ["/bin/ash", "-c"]'),
    # PATH and its like.
    Pair("path-inherited", "ENV PATH=/usr/bin:/bin", "ENV PATH=/usr/local/bin:/usr/bin:/bin", ""),
    Pair("path-in-front", "ENV PATH=/usr/bin:/bin", "ENV PATH=/usr/local/bin:/usr/bin:/bin", "ENV PATH=/app/bin:$PATH"),
    Pair("path-behind", "ENV PATH=/usr/bin:/bin", "ENV PATH=/usr/bin:/bin:/snap/bin", "ENV PATH=$PATH:/app/bin"),
    Pair("path-around", "ENV PATH=/usr/bin:/bin", "ENV PATH=/bin", "ENV PATH=/a:${PATH}:/b"),
    Pair("path-in-front-twice-there", "ENV PATH=/usr/bin", "ENV PATH=/app/bin:/usr/bin", "ENV PATH=/app/bin:$PATH"),
    Pair("path-replaced", "ENV PATH=/usr/bin:/bin", "ENV PATH=/usr/local/bin:/usr/bin:/bin", "ENV PATH=/opt/app/bin"),
    Pair("path-replaced-by-a-part", "ENV PATH=/usr/bin:/bin", "ENV PATH=/usr/local/bin:/bin", "ENV PATH=/bin:/app"),
    Pair("path-rearranged", "ENV PATH=/usr/bin:/bin", "ENV PATH=/usr/local/bin:/bin", "ENV PATH=/bin:/usr/bin"),
    Pair("path-set-again", "ENV PATH=/usr/bin:/bin", "ENV PATH=/usr/local/bin:/bin", "ENV PATH=/usr/bin:/bin"),
    Pair("path-written-out", "ENV PATH=/usr/bin:/bin", "ENV PATH=/usr/local/bin:/bin", "ENV PATH=/app:/usr/bin:/bin", ["Env.PATH"]),
    Pair("library-path-in-front", "ENV LD_LIBRARY_PATH=/lib", "ENV LD_LIBRARY_PATH=/lib64", "ENV LD_LIBRARY_PATH=/app/lib:$LD_LIBRARY_PATH"),
    # Other variables.
    Pair("env-inherited", "ENV A=1 B=1", "ENV A=2 B=1 C=3", ""),
    Pair("env-own", "ENV A=1", "ENV A=2", "ENV A=app"),
    Pair("env-own-unchanged-below", "ENV A=1", "ENV A=1 B=2", "ENV A=app C=app"),
    Pair("env-set-again", "ENV A=1", "ENV A=2", "ENV A=1"),
    Pair("env-set-again-gone-below", "ENV A=1", "ENV B=2", "ENV A=1"),
    Pair("env-set-again-old-spelling", "ENV A=1", "ENV A=2", "ENV A 1"),
    Pair("env-gone-below", "ENV A=1 B=1", "ENV B=1", "ENV C=app"),
    Pair("env-same-as-the-new", "ENV A=1", "ENV A=2", "ENV A=2"),
    Pair("env-quoted", 'ENV A="x y"', 'ENV A="x z"', 'ENV B="it is = so" C=it\\ is'),
    Pair("env-empty", "ENV A=1", "ENV A=2", "ENV A="),
    Pair("env-order", "ENV A=1 B=2", "ENV B=2 A=1", "ENV C=3 D=4"),
    Pair("env-from-the-base", "ENV JAVA_HOME=/jdk8", "ENV JAVA_HOME=/jdk11", "ENV LIB=$JAVA_HOME/lib", ["Env.LIB"]),
    Pair("env-options-extended", "ENV OPTS=-x", "ENV OPTS=-y", 'ENV OPTS="$OPTS -z"', ["Env.OPTS"]),
    Pair("env-from-an-argument", "ENV A=1", "ENV A=2", "ARG V=7\nENV X=$V"),
    # Labels.
    Pair("label-inherited", 'LABEL v=1 vendor="The Vendor"', 'LABEL v=2 vendor="The Vendor" new=1', 'LABEL app="x y"'),
    Pair("label-own", "LABEL v=1", "LABEL v=2", "LABEL v=app"),
    Pair("label-set-again", "LABEL v=1", "LABEL v=2", "LABEL v=1"),
    Pair("label-gone-below", "LABEL v=1 w=1", "LABEL w=1", "LABEL w=2"),
    Pair("label-from-the-base", "ENV V=1", "ENV V=2", "LABEL base.version=$V", ["Labels.base.version"]),
    # Ports and volumes.
    Pair("ports-joined", "EXPOSE 80", "EXPOSE 80 443", "EXPOSE 8080"),
    Pair("ports-gone-below", "EXPOSE 80 53/udp", "EXPOSE 53/udp", ""),
    Pair("ports-set-again", "EXPOSE 80 53/udp", "", "EXPOSE 80 53/udp"),
    Pair("volumes-joined", "VOLUME /data", "VOLUME /data /var/lib/x", "VOLUME /app/data"),
    Pair("volumes-gone-below", "VOLUME /data", "VOLUME /other", ""),
    Pair("volumes-set-again", "VOLUME /data", "VOLUME /other", 'VOLUME ["/data"]'),
    # User, folder, signal, health.
    Pair("user-inherited", "USER 1000", "USER 2000:2000", ""),
    Pair("user-own", "USER 1000", "USER 2000", "USER 3000"),
    Pair("user-set-again", "USER 1000", "USER 2000", "USER 1000"),
    Pair("user-new-below", "", "USER 2000", ""),
    Pair("user-from-the-base", "ENV UID=1000", "ENV UID=2000", "USER $UID", ["User"]),
    Pair("folder-inherited", "WORKDIR /old", "WORKDIR /new", ""),
    Pair("folder-own", "WORKDIR /old", "WORKDIR /new", "WORKDIR /app"),
    Pair("folder-relative", "WORKDIR /old", "WORKDIR /new", "WORKDIR app", ["WorkingDir"]),
    Pair("folder-set-again", "WORKDIR /old", "WORKDIR /new", "WORKDIR /old"),
    Pair("signal-inherited", "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGQUIT", ""),
    Pair("signal-own", "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGQUIT", "STOPSIGNAL SIGINT"),
    Pair("signal-set-again", "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGQUIT", "STOPSIGNAL SIGTERM"),
    Pair("health-inherited", "HEALTHCHECK CMD old", "HEALTHCHECK --interval=5s CMD new", ""),
    Pair("health-own", "HEALTHCHECK CMD old", "HEALTHCHECK CMD new", 'HEALTHCHECK CMD ["app"]'),
    Pair("health-none", "HEALTHCHECK CMD old", "HEALTHCHECK CMD new", "HEALTHCHECK NONE"),
    Pair("health-gone-below", "HEALTHCHECK CMD old", "", ""),
    Pair("health-set-again", "HEALTHCHECK CMD old", "HEALTHCHECK CMD new", "HEALTHCHECK CMD old"),
    # Triggers.
    Pair("triggers-new", "", "ONBUILD LABEL t=2", "", ["Labels.t"]),
    Pair("triggers-the-same", "ONBUILD LABEL t=1", "ONBUILD LABEL t=1", ""),
    Pair("triggers-other", "ONBUILD LABEL t=1", "ONBUILD LABEL t=2", "", ["Labels.t"]),
    Pair("triggers-gone", "ONBUILD ENV T=1", "", "", ["Env.T"]),
    Pair("triggers-of-the-app", "ONBUILD LABEL t=1", "", "ONBUILD LABEL app=1", ["Labels.t"]),
    # What a real image sets.
    Pair(
        "everything",
        'ENV PATH=/usr/bin:/bin LANG=C JAVA_HOME=/jdk8\nLABEL v=1\nEXPOSE 80\nUSER 1000\nWORKDIR /srv\nCMD ["sh"]',
        'ENV PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 JAVA_HOME=/jdk11\nLABEL v=2\nEXPOSE 443\nUSER 2000\nWORKDIR /srv\nCMD ["bash"]',
        'ENV PATH=/app/bin:$PATH PORT=8080\nLABEL app=1\nEXPOSE 8080\nWORKDIR /app\nENTRYPOINT ["/app/run"]\nCMD ["serve"]\nHEALTHCHECK CMD check',
    ),
]

# Those that the gate builds again each time, one of each kind.
LIVE = (
    "launch-cmd-only launch-entrypoint-set-again env-gone-below path-in-front path-replaced env-from-the-base "
    "ports-set-again user-set-again triggers-other everything"
).split()

# Fields of a config that a build fills with its own ids.
VOLATILE = ("Hostname", "Image")
BUILDER_LABEL = re.compile(r"io\.buildah\.")


def meaning(document):
    """The settings of a config, without what says nothing and without what the builder says of itself: {field: value}, where the
    parts of Env, Labels, ExposedPorts and Volumes are fields of their own."""
    settings = {}
    for field, value in (document.get("config") or {}).items():
        if field in VOLATILE or value in (None, "", [], {}, False):
            continue
        if field == "Env":
            settings.update((f"Env.{entry.partition('=')[0]}", entry.partition("=")[2]) for entry in value)
        elif field in ("Labels", "ExposedPorts", "Volumes"):
            settings.update((f"{field}.{key}", part) for key, part in value.items() if not BUILDER_LABEL.match(key))
        else:
            settings[field] = value
    return settings


def differences(one, other):
    """The fields in which two configs differ."""
    one, other = meaning(one), meaning(other)
    return sorted(field for field in one.keys() | other.keys() if one.get(field) != other.get(field))
