#include "cli/arguments.h"

#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "base/text.h"

typedef enum { IS_UNKNOWN, IS_CONFIG, IS_CHECKPOINT, IS_IMAGE, IS_FOLDER } file_kind;

static const char *const kind_names[] = {"", "a config", "a checkpoint", "an image", "a folder"};

/* Images' first bytes; checkpoints are zip archives or begin with a pickle. */
static file_kind kind_of_bytes(const unsigned char *b, size_t n)
{
    static const struct {
        const char *bytes;
        size_t n;
        file_kind kind;
    } all[] = {{"PK\3\4", 4, IS_CHECKPOINT}, {"\x89PNG", 4, IS_IMAGE}, {"\xff\xd8\xff", 3, IS_IMAGE},
               {"II*\0", 4, IS_IMAGE},       {"MM\0*", 4, IS_IMAGE},   {"II+\0", 4, IS_IMAGE},
               {"MM\0+", 4, IS_IMAGE},       {"GIF8", 4, IS_IMAGE},    {"RIFF", 4, IS_IMAGE}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (n >= all[i].n && memcmp(b, all[i].bytes, all[i].n) == 0)
            return all[i].kind;
    return n >= 2 && b[0] == 0x80 && b[1] >= 2 && b[1] <= 5 ? IS_CHECKPOINT : IS_UNKNOWN;
}

static bool ends_in(const char *path, const char *endings)
{
    char one[64];
    for (size_t i = 0; cli_name_at(endings, i, one); i++)
        if (str_ends(path, one))
            return true;
    return false;
}

static file_kind kind_of_name(const char *path)
{
    if (str_ends(path, ".py"))
        return IS_CONFIG;
    if (str_starts(path, "/vsi")) /* an address for GDAL */
        return IS_IMAGE;
    if (ends_in(path, ".pth|.pt|.ckpt") || strstr(path, "://"))
        return IS_CHECKPOINT;
    return ends_in(path, ".png|.jpg|.jpeg|.tif|.tiff|.bmp|.webp|.jp2|.PNG|.JPG|.TIF") ? IS_IMAGE : IS_UNKNOWN;
}

static file_kind kind_of(const char *path)
{
    unsigned char b[8];
    size_t n = 0;
    file_kind kind = kind_of_name(path);
    if (file_is_dir(path))
        return IS_FOLDER;
    if (file_size(path) <= 0 || kind == IS_CONFIG)
        return kind;
    FILE *f = fopen(path, "rbe");
    if (f) {
        n = fread(b, 1, sizeof b, f);
        fclose(f);
    }
    file_kind seen = kind_of_bytes(b, n);
    return seen != IS_UNKNOWN ? seen : kind;
}

/* The i-th word of "CONFIG CHECKPOINT IMAGE|FOLDER..."; the last one stands for all behind it if it has dots. */
static bool word_at(const cli_command *c, size_t i, char to[static 64])
{
    const char *at = c->arguments;
    for (size_t k = 0; *at; k++) {
        size_t n = strcspn(at, " ");
        bool last = !at[n] && str_ends(at, "...");
        if (k == i || last) {
            snprintf(to, 64, "%.*s", (int)n, at);
            return true;
        }
        at += n + (at[n] == ' ');
    }
    return false;
}

static bool is_choice(const char *word)
{
    return word[0] >= 'a' && word[0] <= 'z';
}

/* Whether an argument of this kind can be what the word asks for. */
static bool fits(const char *word, const char *argument, file_kind kind)
{
    char one[64];
    for (size_t i = 0; is_choice(word) && cli_name_at(word, i, one); i++)
        if (strcmp(one, argument) == 0)
            return true;
    if (is_choice(word) || kind == IS_UNKNOWN)
        return kind == IS_UNKNOWN; /* the command itself reports words that it does not know */
    if (str_starts(word, "CONFIG"))
        return kind == IS_CONFIG;
    if (str_starts(word, "CHECKPOINT"))
        return kind == IS_CHECKPOINT;
    if (str_starts(word, "IMAGE"))
        return kind == IS_IMAGE || kind == IS_FOLDER;
    if (str_starts(word, "SCENE") || str_starts(word, "MASK") || str_starts(word, "[MASK"))
        return kind == IS_IMAGE;
    return !str_starts(word, "LOG") || kind == IS_FOLDER;
}

enum { MOST = 8 }; /* arguments that are examined and named in messages */

typedef struct line {
    const cli_command *c;
    const str_list *args;
    size_t n; /* of those that are looked at */
    file_kind kinds[MOST];
} line;

/* Finds the argument for a word: one that is surely it, else one whose kind is not known. l->n: none. */
static size_t find_for(const line *l, const char *word, const bool *used)
{
    for (int sure = 1; sure >= 0; sure--)
        for (size_t i = 0; i < l->n; i++)
            if (!used[i] && fits(word, l->args->at[i], l->kinds[i]) &&
                (!sure || l->kinds[i] != IS_UNKNOWN || is_choice(word)))
                return i;
    return l->n;
}

/* Finds the words that none of the arguments can be, as text: "CONFIG is", "CONFIG and CHECKPOINT are". Returns how
 * many. */
static int find_missing(const line *l, char *to, size_t size)
{
    bool used[MOST] = {false};
    char word[64], all[MOST][64];
    int n = 0, needed = l->c->min_args > 1 ? l->c->min_args : 1;
    for (int k = 0; k < needed && word_at(l->c, (size_t)k, word); k++) {
        size_t i = find_for(l, word, used);
        if (i < l->n)
            used[i] = true;
        else if (n < MOST)
            snprintf(all[n++], sizeof all[0], "%.*s", (int)strcspn(word, "."), word);
    }
    size_t at = 0;
    for (int k = 0; k < n; k++)
        at += text_print(to + at, size - at, "%s%s", k == 0 ? "" : k + 1 == n ? " and " : ", ", all[k]);
    text_print(to + at, size - at, n == 1 ? " is" : " are");
    return n;
}

static cseg_status tell(const line *l, cseg_error *err)
{
    const cli_command *c = l->c;
    char missing[256], given[1536] = "";
    size_t used = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->kinds[i] != IS_UNKNOWN)
            used += text_print(given + used, sizeof given - used, "%s'%.200s' is %s", used ? ", " : "", l->args->at[i],
                               kind_names[l->kinds[i]]);
    int n = find_missing(l, missing, sizeof missing);
    return fail(err, CSEG_USAGE, "%s%s%s%-s\nusage: cseg %s %s [options]; see cseg %s --help",
                n ? missing : "the arguments are not those that are wanted, in their order", n ? " missing" : "",
                used ? ": " : "", given, c->name, c->arguments, c->name);
}

cseg_status arguments_check(const cli_command *c, const str_list *args, cseg_error *err)
{
    line l = {.c = c, .args = args, .n = args->n < MOST ? args->n : MOST};
    char word[64];
    bool wrong = (int)args->n < c->min_args;
    if (!wrong && c->max_args >= 0 && (int)args->n > c->max_args)
        return fail(err, CSEG_USAGE, "one argument too many: '%s'\nusage: cseg %s%s%s [options]; see cseg %s --help",
                    args->at[c->max_args], c->name, *c->arguments ? " " : "", c->arguments, c->name);
    for (size_t i = 0; i < l.n; i++) {
        bool known = word_at(c, i, word) && strcmp(word, "SHELL") != 0;
        l.kinds[i] = known ? kind_of(args->at[i]) : IS_UNKNOWN;
        if (known && is_choice(word) && fits(word, args->at[i], IS_UNKNOWN) && l.kinds[i] == IS_FOLDER)
            l.kinds[i] = IS_UNKNOWN; /* a folder that happens to be called "infer" */
        wrong |= known && !fits(word, args->at[i], l.kinds[i]);
    }
    return wrong ? tell(&l, err) : CSEG_OK;
}
