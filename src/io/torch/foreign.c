#include "io/torch/foreign.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "io/torch/pth_file.h"

#define PAGE_ADVICE                                                                                                    \
    "A login, error or preview page was saved in its place: take the address of the file itself (\"raw\", "            \
    "\"download\"), log in where that is asked for, and download it again"
#define UNPACK_ADVICE "Unpack it and give the checkpoint that is in it"
#define STATE_DICT_ADVICE "Give the PyTorch checkpoint that it was made from"

static const foreign_kind nothing = {"an empty file", "It was not written or not downloaded: get it again",
                                     CSEG_CORRUPT, true};
static const foreign_kind html = {"an HTML page", PAGE_ADVICE, CSEG_CORRUPT, true};
static const foreign_kind xml = {"an XML document", PAGE_ADVICE, CSEG_CORRUPT, true};
static const foreign_kind json = {"JSON text", PAGE_ADVICE, CSEG_CORRUPT, true};
static const foreign_kind lfs = {
    "a Git LFS pointer",
    "The file that it stands for was not fetched: run `git lfs pull` in its repository, or "
    "download the file itself",
    CSEG_CORRUPT, true};
static const foreign_kind text = {"text",
                                  "(A config stands before the checkpoint on the command line; text in a checkpoint's "
                                  "place can also be a server's answer)",
                                  CSEG_CORRUPT, true};
static const foreign_kind onnx = {"an ONNX program", STATE_DICT_ADVICE, CSEG_UNSUPPORTED, false};
static const foreign_kind tar = {
    "a tar archive",
    "Unpack it (tar xf) and give the checkpoint that is in it. Where PyTorch of before 2017 wrote it, load it with a "
    "PyTorch of before version 2 and save it again",
    CSEG_UNSUPPORTED, false};

/* By their first bytes. */
static const struct {
    const char *magic;
    size_t n, at;
    foreign_kind kind;
} marks[] = {
    {"\x1f\x8b", 2, 0, {"a gzip file", UNPACK_ADVICE " (gunzip, or tar xzf)", CSEG_CORRUPT, false}},
    {"BZh", 3, 0, {"a bzip2 file", UNPACK_ADVICE " (bunzip2, or tar xjf)", CSEG_CORRUPT, false}},
    {"\xfd"
     "7zXZ",
     5,
     0,
     {"an xz file", UNPACK_ADVICE " (unxz, or tar xJf)", CSEG_CORRUPT, false}},
    {"\x28\xb5\x2f\xfd", 4, 0, {"a zstd file", UNPACK_ADVICE " (unzstd)", CSEG_CORRUPT, false}},
    {"7z\xbc\xaf\x27\x1c", 6, 0, {"a 7z archive", UNPACK_ADVICE " (7z x)", CSEG_CORRUPT, false}},
    {"Rar!", 4, 0, {"a RAR archive", UNPACK_ADVICE " (unrar x)", CSEG_CORRUPT, false}},
    {"\x89HDF\r\n", 6, 0, {"an HDF5 file (of Keras?)", STATE_DICT_ADVICE, CSEG_UNSUPPORTED, false}},
    {"GGUF", 4, 0, {"a GGUF file", STATE_DICT_ADVICE, CSEG_UNSUPPORTED, false}},
    {"TFL3", 4, 4, {"a TensorFlow Lite program", STATE_DICT_ADVICE, CSEG_UNSUPPORTED, false}},
    {"\x93NUMPY", 6, 0, {"a numpy array", STATE_DICT_ADVICE, CSEG_UNSUPPORTED, false}},
    {"\x89PNG", 4, 0, {"a PNG image", "Images stand behind the checkpoint on the command line", CSEG_CORRUPT, false}},
    {"\xff\xd8\xff",
     3,
     0,
     {"a JPEG image", "Images stand behind the checkpoint on the command line", CSEG_CORRUPT, false}},
    {"II*\0", 4, 0, {"a TIFF image", "Images stand behind the checkpoint on the command line", CSEG_CORRUPT, false}},
    {"MM\0*", 4, 0, {"a TIFF image", "Images stand behind the checkpoint on the command line", CSEG_CORRUPT, false}},
    {"%PDF", 4, 0, {"a PDF", PAGE_ADVICE, CSEG_CORRUPT, true}},
    {"\x7f"
     "ELF",
     4,
     0,
     {"a program", "Give a checkpoint", CSEG_CORRUPT, false}},
};

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Bytes of the UTF-8 character at p, which the end may cut short; 0: none. */
static size_t character(const uint8_t *p, size_t n)
{
    size_t want = *p < 0x80 ? 1 : *p >= 0xf0 && *p < 0xf5 ? 4 : *p >= 0xe0 ? 3 : 2;
    if (*p >= 0xf5 || (*p >= 0x80 && *p < 0xc2))
        return 0;
    for (size_t i = 1; i < want && i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return want < n ? want : n;
}

/* Whether `n` bytes are text. */
static bool is_text(const uint8_t *p, size_t n)
{
    for (size_t i = 0, step; i < n; i += step) {
        step = character(p + i, n - i);
        if (step == 0 || (p[i] < ' ' && !is_space(p[i]) && p[i] != '\f' && p[i] != 0x1b) || p[i] == 0x7f)
            return false;
    }
    return n > 0;
}

static bool begins(const uint8_t *p, size_t n, const char *with)
{
    return n >= strlen(with) && strncasecmp((const char *)p, with, strlen(with)) == 0;
}

/* Whether the tag stands anywhere among the first bytes: pages may begin with comments. */
static bool holds(const uint8_t *p, size_t n, const char *tag)
{
    for (size_t i = 0; i < n; i++)
        if (begins(p + i, n - i, tag))
            return true;
    return false;
}

static const foreign_kind *find_text(const uint8_t *p, size_t n)
{
    if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        p += 3;
        n -= 3;
    }
    for (; n && is_space(*p); p++)
        n--;
    if (begins(p, n, "version https://git-lfs") || begins(p, n, "version https://hawser"))
        return &lfs;
    if (n && *p == '<' && (holds(p, n, "<html") || holds(p, n, "<!doctype html") || holds(p, n, "<head")))
        return &html;
    if (begins(p, n, "<?xml"))
        return &xml;
    if (n && (*p == '{' || *p == '[') && is_text(p, n))
        return &json;
    return n >= 4 && is_text(p, n) ? &text : NULL; /* less may be the beginning of anything */
}

/* ModelProto: ir_version (1: a small number), then the producer's name (2: text), or opset and graph. */
static bool is_onnx(const uint8_t *p, size_t n)
{
    return n > 4 && p[0] == 0x08 && p[1] >= 1 && p[1] < 32 &&
           ((p[2] == 0x12 && p[3] > 0 && p[3] < 64 && n > 4u + p[3] && is_text(p + 4, p[3])) || p[2] == 0x3a);
}

const foreign_kind *foreign_find(const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    if (n == 0)
        return &nothing;
    if (pth_is_safetensors(p, n)) /* its length may begin with any mark */
        return NULL;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (n >= marks[i].at + marks[i].n && memcmp(p + marks[i].at, marks[i].magic, marks[i].n) == 0)
            return &marks[i].kind;
    if (n > 262 && memcmp(p + 257, "ustar", 5) == 0)
        return &tar;
    if (is_onnx(p, n))
        return &onnx;
    return find_text(p, n < FOREIGN_BYTES ? n : FOREIGN_BYTES);
}

cseg_status foreign_refuse(const foreign_kind *kind, const char *name, cseg_error *err)
{
    return fail(err, kind->status, "%s: is no PyTorch checkpoint, but %s. %s", name, kind->what, kind->advice);
}
