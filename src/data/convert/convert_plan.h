/* How a dataset is converted: a converter says which members of which archives become which files. From its rules, or
 * by a function of its own, it plans jobs; a job makes the files of one member. See converters.h for the list. */
#ifndef DATA_CONVERT_CONVERT_PLAN_H
#define DATA_CONVERT_CONVERT_PLAN_H

#include "base/str.h"
#include "data/convert/convert_dataset.h"
#include "io/archive/archive.h"
#include "io/image/image.h"

typedef struct convert_task convert_task;
typedef struct convert_plan convert_plan;

/* How one kind of files is made. */
typedef struct convert_form {
    cseg_status (*make)(convert_task *t, cseg_error *err);               /* one of convert_make.h, or a set's own */
    cseg_status (*decode)(convert_task *t, image *out, cseg_error *err); /* NULL: image_decode with `flags` */
    image_flags flags;
    /* Turns what was decoded into labels, in place; NULL: colours stay. */
    cseg_status (*map)(image *m, const char *name, cseg_error *err);
    const char *ending; /* of the file's name: "_labelTrainIds.png" */
    bool is_mask;
    uint8_t pad; /* of patches that are larger than the image */
} convert_form;

/* Members that are treated alike. */
typedef struct convert_rule {
    int source;          /* which of the converter's */
    const char *under;   /* a folder of the source, if that is a folder; NULL: itself */
    const char *members; /* a pattern for fnmatch, * not matching /; "**" in front: at any depth. Two with | between
                            them: the second is used where the first finds nothing */
    const char *with, *without; /* what names must contain or must not; NULL: anything */
    int64_t from, until;        /* of those, in the order of their names; until 0: all */
    const char *to;             /* folder below the output, above the one that `split` names, if there is one */
    const char *(*split)(const char *name);
    char *(*name)(const char *member, arena *mem); /* the file's name without its ending; NULL: the member's own */
    const convert_form *form;
    int64_t count; /* of members; 0: not known */
} convert_rule;

enum { CONVERT_SOURCES = 6 };
typedef struct converter {
    const char *name, *about; /* about: what the sources are */
    /* Their names or patterns below a folder that is given as the only source; "": this folder itself. */
    const char *sources[CONVERT_SOURCES + 1];
    bool one_by_one;   /* a single folder does not do: each source is given */
    bool insists;      /* the reference stops if members are missing */
    int64_t clip;      /* the default of clip_size; 0: no clips are cut. stride_size: 256 */
    bool cuts_patches; /* patch_width, patch_height and overlap have a meaning */
    bool has_gt_dir;
    bool apart;                /* the output must not lie in the first source */
    const char *out;           /* below the first source; NULL: the output must be named */
    const char *folders;       /* that are made even if nothing comes into them, separated by | */
    const convert_rule *rules; /* end with form == NULL; or NULL */
    cseg_status (*plan)(convert_plan *p, cseg_error *err);   /* besides the rules; or NULL */
    cseg_status (*finish)(convert_plan *p, cseg_error *err); /* when all is written: lists; or NULL */
} converter;

typedef struct convert_job {
    const archive *from;
    const archive_member *member; /* NULL: the form reads `arg` */
    const convert_form *form;
    const char *out; /* path; pieces get their place in front of its ending */
    const void *arg; /* the form's own */
} convert_job;

struct convert_plan {
    const converter *c;
    const convert_options *o;
    arena *mem;
    const char *out;
    VEC(convert_job) jobs;
    VEC(const archive *) open;
    strbuf amiss; /* numbers that are not what they should be */
    void *own;    /* the converter's */
};

/* Fills plan->jobs. */
cseg_status convert_make_plan(convert_plan *p, cseg_error *err);

/* For a converter's own plan: */

/* The paths of a source: one, or all that fit the pattern. CSEG_NOT_FOUND: none. */
cseg_status convert_source(convert_plan *p, int source, const char *const **paths, size_t *n, cseg_error *err);
/* Opens an archive once. */
cseg_status convert_open(convert_plan *p, const char *path, const archive **out, cseg_error *err);
/* Adds a job that makes TO/NAME + ending below the output; CSEG_CORRUPT if the name leads elsewhere. */
cseg_status convert_add(convert_plan *p, const archive *from, const archive_member *m, const convert_form *form,
                        const char *to, const char *name, cseg_error *err);
cseg_status convert_apply(convert_plan *p, const convert_rule *rule, cseg_error *err);
/* Notes how many `what` there are; `wanted` 0: any number is fine. */
void convert_count(convert_plan *p, const char *what, int64_t found, int64_t wanted);
/* The lines of a text file without white space around them; empty ones are left out. */
cseg_status convert_lines(const char *path, arena *mem, char ***lines, size_t *n, cseg_error *err);
/* Writes the lines, sorted, each once. */
cseg_status convert_write_lines(const char *path, char **lines, size_t n, arena *mem, cseg_error *err);

/* Names made of a member's path. NULL: out of memory. */
char *convert_stem(const char *member, arena *mem);                    /* a/b.c.png -> b.c */
char *convert_first(const char *member, arena *mem);                   /* a/b.c.png -> b */
char *convert_path_first(const char *member, arena *mem);              /* a/b.c.png -> a/b */
char *convert_without(const char *name, const char *part, arena *mem); /* str.replace(part, '') */

#endif
