#!/usr/bin/python3
"""Images in transport formats, good ones and those that nobody makes in good faith.

    layout.py CASE BASE.tar DIRECTORY     makes an OCI layout of that name in DIRECTORY, on top of the layer BASE.tar
    layout.py --docker CASE BASE.tar DIRECTORY
                                          the files of a `docker save` archive instead
    layout.py --list                      the cases

Used by tests/cli/image_sources.bats and tests/cli/hostile_layers.bats, which say what has to become of each.
"""
import gzip
import hashlib
import io
import json
import os
import sys
import tarfile


def sha(data):
    return hashlib.sha256(data).hexdigest()


def layer(*entries):
    """A tar of (name, kind, content): kind is d, f, l (symbolic link), h (hard link)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, content in entries:
            info = tarfile.TarInfo(name)
            info.mtime = 1000000000
            info.mode = 0o755
            if kind == "d":
                info.type = tarfile.DIRTYPE
            elif kind in "lh":
                info.type = tarfile.SYMTYPE if kind == "l" else tarfile.LNKTYPE
                info.linkname = content
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content.encode()) if kind == "f" else None)
    return out.getvalue()


def config(layers, **more):
    settings = {"Env": ["PATH=/bin:/usr/bin", "FROM=image"], "Cmd": ["cat", "/etc/motd"], "WorkingDir": "/etc",
                "User": "guest", "Labels": {"org.example.a": "b"}, "ExposedPorts": {"80/tcp": {}},
                "StopSignal": "SIGUSR1", "Volumes": {"/data": {}}}
    settings.update(more)
    return {"architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z", "config": settings,
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha(x) for x in layers]}}


class Layout:
    def __init__(self, directory):
        self.directory = directory
        self.blobs = os.path.join(directory, "blobs", "sha256")
        os.makedirs(self.blobs)

    def write(self, name, data):
        with open(os.path.join(self.directory, name), "wb") as file:
            file.write(data)

    def blob(self, data, media_type, name=None, **more):
        digest = sha(data)
        self.write("blobs/sha256/" + (name or digest), data)
        return {"mediaType": media_type, "digest": "sha256:" + (name or digest), "size": len(data), **more}

    def image(self, layers, conf=None, ref=None, platform=None):
        """Blobs of one image; returns the descriptor of its manifest."""
        conf = conf or config(layers)
        parts = [self.blob(gzip.compress(x, 1, mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip") for x in layers]
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": self.blob(json.dumps(conf).encode(), "application/vnd.oci.image.config.v1+json"), "layers": parts}
        descriptor = self.blob(json.dumps(manifest).encode(), manifest["mediaType"])
        if ref:
            descriptor["annotations"] = {"org.opencontainers.image.ref.name": ref}
        if platform:
            system, architecture = platform.split("/")
            descriptor["platform"] = {"os": system, "architecture": architecture}
        return descriptor

    def finish(self, *manifests, text=None):
        self.write("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        index = {"schemaVersion": 2, "manifests": list(manifests)}
        self.write("index.json", text if text is not None else json.dumps(index).encode())


# Layers over the base: what each case does there.
LAYERS = {
    "plain": [layer(("etc/motd", "f", "from the second layer\n"), ("srv", "d", ""), ("srv/new", "f", "new\n"))],
    # Whiteouts: a file, a directory, one that is made anew in the same layer, an opaque directory.
    "whiteouts": [
        layer(("one/a", "f", "a1\n"), ("one/b", "f", "b1\n"), ("two/a", "f", "a1\n"), ("three/a", "f", "a1\n"), ("four/a", "f", "a1\n"),
              ("five/deep/a", "f", "a1\n")),
        layer(("one/.wh.a", "f", ""), (".wh.two", "f", ""), (".wh.three", "f", ""), ("three/b", "f", "b2\n"),
              ("four/b", "f", "b2\n"), ("four/.wh..wh..opq", "f", ""), ("five/.wh..wh.plnk", "f", "")),
    ],
    # A directory becomes a link, and what is written "through" it must stay in the layer.
    "replaced": [
        layer(("dir", "d", ""), ("dir/old", "f", "old\n")),
        layer(("dir", "l", "/etc")),
        layer(("dir/passwd", "f", "written through\n")),
    ],
    "escape": [layer(("out", "l", "../../../../../../../../tmp")), layer(("out/escaped", "f", "x"), ("abs", "l", "/"), ("abs/tmp/escaped", "f", "x"))],
    "same-twice": [layer(("a", "f", "1\n")), layer(("a", "f", "2\n")), layer(("a", "f", "1\n"))],
    "whiteout-up": [layer(("dir/.wh...", "f", ""))],
    "whiteout-dot": [layer(("dir/.wh..", "f", ""))],
    "whiteout-empty": [layer(("dir/.wh.", "f", ""))],
    "whiteout-outside": [layer(("../.wh.etc", "f", ""))],
    "whiteout-through-link": [layer(("out", "l", "/tmp"), ("out/.wh.x", "f", ""))],
    "whiteout-link": [layer(("a", "f", "1\n")), layer((".wh.a", "f", ""), ("b", "h", "a"))],
}


def good(name):
    def make(layout, base):
        layout.finish(layout.image([base] + LAYERS[name]))
    return make


def lie(layout, base):
    """The blob of the layer is another archive than its digest says."""
    d = layout.image([base] + LAYERS["plain"])
    manifest = json.load(open(os.path.join(layout.blobs, d["digest"][7:]), encoding="utf-8"))
    with open(os.path.join(layout.blobs, manifest["layers"][1]["digest"][7:]), "r+b") as file:
        file.seek(4) # the time in the header of gzip: nothing else notices
        file.write(b"\1")
    layout.finish(d)


def content_lie(layout, base):
    """The configuration promises another content."""
    conf = config([base, b"something else"])
    layout.finish(layout.image([base] + LAYERS["plain"], conf))


def manifest_lie(layout, base):
    d = layout.image([base])
    with open(os.path.join(layout.blobs, d["digest"][7:]), "r+b") as file:
        data = file.read().replace(b'"schemaVersion": 2', b'"schemaVersion": 3')
        file.seek(0)
        file.write(data)
    layout.finish(d)


def truncated(layout, base):
    d = layout.image([base] + LAYERS["plain"])
    manifest = json.load(open(os.path.join(layout.blobs, d["digest"][7:]), encoding="utf-8"))
    os.truncate(os.path.join(layout.blobs, manifest["layers"][0]["digest"][7:]), manifest["layers"][0]["size"] // 2)
    layout.finish(d)


def truncated_config(layout, base):
    d = layout.image([base])
    manifest = json.load(open(os.path.join(layout.blobs, d["digest"][7:]), encoding="utf-8"))
    os.truncate(os.path.join(layout.blobs, manifest["config"]["digest"][7:]), 10)
    layout.finish(d)


def missing(layout, base):
    d = layout.image([base])
    manifest = json.load(open(os.path.join(layout.blobs, d["digest"][7:]), encoding="utf-8"))
    os.unlink(os.path.join(layout.blobs, manifest["layers"][0]["digest"][7:]))
    layout.finish(d)


def huge_manifest(layout, base):
    layout.finish(layout.image([base]), text=b'{"manifests":[' + b" " * (5 << 20) + b"]}")


def many_layers(layout, base):
    layout.finish(layout.image([layer(("a", "f", "1"))] * 501))


def counts(layout, base):
    layout.finish(layout.image([base] + LAYERS["plain"], config([base])))


def digest_path(layout, base):
    d = layout.image([base])
    d["digest"] = "sha256:../../../../../../etc/passwd"
    layout.finish(d)


def digest_kind(layout, base):
    d = layout.image([base])
    d["digest"] = "sha512:" + "0" * 128
    layout.finish(d)


def blob_link(layout, base):
    """A blob that is a link out of the layout."""
    d = layout.image([base])
    path = os.path.join(layout.blobs, d["digest"][7:])
    os.unlink(path)
    os.symlink("/etc/passwd", path)
    layout.finish(d)


def blob_fifo(layout, base):
    d = layout.image([base])
    path = os.path.join(layout.blobs, d["digest"][7:])
    os.unlink(path)
    os.mkfifo(path)
    layout.finish(d)


def loop(layout, base):
    """Indexes that lead to indexes."""
    d = layout.image([base])
    kind = "application/vnd.oci.image.index.v1+json"
    for _ in range(6):
        d = layout.blob(json.dumps({"schemaVersion": 2, "manifests": [d]}).encode(), kind)
    layout.finish(d)


def foreign(layout, base):
    d = layout.image([base])
    manifest = json.load(open(os.path.join(layout.blobs, d["digest"][7:]), encoding="utf-8"))
    manifest["layers"][0]["mediaType"] = "application/vnd.cncf.helm.chart.content.v1"
    layout.finish(layout.blob(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json"))


def no_json(layout, base):
    layout.finish(text=b'{"manifests": [')


def no_list(layout, base):
    layout.finish(text=b'{"manifests": "all"}')


def bad_config(layout, base):
    layout.finish(layout.image([base], config([base], Cmd="sh")))


def many(layout, base):
    """Two tags, one of them for three platforms."""
    kind = "application/vnd.oci.image.index.v1+json"
    a = layout.image([base, layer(("etc/motd", "f", "amd64\n"))], platform="linux/amd64")
    b = layout.image([base, layer(("etc/motd", "f", "arm64\n"))], platform="linux/arm64")
    c = layout.image([base, layer(("etc/motd", "f", "s390x\n"))], platform="linux/s390x")
    multi = layout.blob(json.dumps({"schemaVersion": 2, "manifests": [a, b, c]}).encode(), kind)
    multi["annotations"] = {"org.opencontainers.image.ref.name": "multi"}
    layout.finish(multi, layout.image([base, layer(("etc/motd", "f", "single\n"))], ref="single"))


CASES = {name: good(name) for name in LAYERS}
CASES.update({"lie": lie, "content-lie": content_lie, "manifest-lie": manifest_lie, "truncated": truncated,
              "truncated-config": truncated_config, "missing": missing, "huge-manifest": huge_manifest,
              "many-layers": many_layers, "counts": counts, "digest-path": digest_path, "digest-kind": digest_kind,
              "blob-link": blob_link, "blob-fifo": blob_fifo, "loop": loop, "foreign": foreign, "no-json": no_json,
              "no-list": no_list, "bad-config": bad_config, "many": many})


def docker(name, base, directory):
    """ID/layer.tar for each layer, ID.json, manifest.json."""
    os.makedirs(directory)
    layers = [base] + LAYERS.get(name, [])
    conf = json.dumps(config(layers)).encode()
    paths = []
    for data in layers:
        os.makedirs(os.path.join(directory, sha(data)), exist_ok=True)
        paths.append(sha(data) + "/layer.tar")
        with open(os.path.join(directory, paths[-1]), "wb") as file:
            file.write(data)
    entry = {"Config": sha(conf) + ".json", "RepoTags": ["docker.io/library/demo:1"], "Layers": paths}
    if name == "docker-escape":
        entry["Layers"] = ["../../../../../../etc/passwd"]
    if name == "docker-config":
        entry["Config"] = "/etc/passwd"
    with open(os.path.join(directory, sha(conf) + ".json"), "wb") as file:
        file.write(conf)
    with open(os.path.join(directory, "manifest.json"), "w", encoding="utf-8") as file:
        json.dump([entry], file)


def main():
    args = sys.argv[1:]
    if args == ["--list"]:
        print("\n".join(sorted(CASES)))
        return
    as_docker = args[0] == "--docker"
    name, base, directory = args[as_docker:]
    with open(base, "rb") as file:
        data = file.read()
    if as_docker:
        docker(name, data, directory)
    else:
        CASES[name](Layout(directory), data)


main()
