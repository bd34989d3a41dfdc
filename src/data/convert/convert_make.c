#include "data/convert/convert_make.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* ---- what is there already ------------------------------------------------------------------------------------- */

static bool is_newer(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

/* The path whose time counts for a member: an archive's own, or the file's in a folder. */
static cseg_status look_at_source(convert_task *t, cseg_error *err)
{
    const convert_job *j = t->job;
    const char *path = j->from->path;
    struct stat st;
    t->name = j->member ? archive_name(j->from, j->member, t->mem) : path;
    if (!t->name)
        return fail_memory(err);
    if (j->member && j->from->kind == ARCHIVE_FOLDER)
        path = t->name;
    if (stat(path, &st) != 0)
        return fail_errno(err, path, "open");
    t->changed = st.st_mtim;
    return CSEG_OK;
}

/* Reads n bytes at the file's beginning or, if `at_end`, at its end. */
static bool read_some(const char *path, bool at_end, size_t n, uint8_t *to)
{
    cseg_error ignored;
    FILE *f;
    int64_t size;
    if (file_open_stream(path, &f, &size, &ignored) != CSEG_OK)
        return false;
    bool good = size >= (int64_t)n && fseek(f, at_end ? -(long)n : 0, at_end ? SEEK_END : SEEK_SET) == 0 &&
                fread(to, 1, n, f) == n;
    fclose(f);
    return good;
}

static bool is_whole(const char *path)
{
    static const uint8_t png_end[] = "\0\0\0\0IEND\xae\x42\x60\x82";
    uint8_t first[8], last[12];
    if (!read_some(path, false, sizeof first, first) || !read_some(path, true, sizeof last, last))
        return false;
    if (str_ends(path, ".png"))
        return memcmp(first, "\x89PNG\r\n\x1a\n", 8) == 0 && memcmp(last, png_end, sizeof last) == 0;
    return first[0] == 0xff && first[1] == 0xd8 && last[10] == 0xff && last[11] == 0xd9;
}

static bool is_current(const convert_task *t, const char *path)
{
    struct stat st;
    return !t->o->overwrite && stat(path, &st) == 0 && S_ISREG(st.st_mode) && !is_newer(&t->changed, &st.st_mtim);
}

bool convert_has(convert_task *t, const char *path)
{
    bool has = is_current(t, path) && is_whole(path);
    t->kept += has;
    return has;
}

/* ---- reading and writing --------------------------------------------------------------------------------------- */

/* The most bytes that a gzipped image or volume may unpack to. */
static const size_t MOST_UNPACKED = (size_t)4 << 30;

cseg_status convert_read(convert_task *t, cseg_error *err)
{
    if (t->bytes)
        return CSEG_OK;
    TRY(archive_read(t->job->from, t->job->member, t->mem, &t->bytes, &t->n, err));
    if (archive_is_gzip(t->bytes, t->n))
        TRY(archive_gunzip(t->bytes, t->n, t->name, MOST_UNPACKED, t->mem, &t->bytes, &t->n, err));
    return CSEG_OK;
}

static cseg_status make_folder_of(convert_task *t, const char *path, cseg_error *err)
{
    char *dir = path_dir(t->mem, path);
    return dir ? dir_create(dir, err) : fail_memory(err);
}

cseg_status convert_write(convert_task *t, const char *path, const image *m, const image_save *how, cseg_error *err)
{
    if (t->o->stop && t->o->stop(t->o->stop_arg)) /* one source may be many files */
        return fail(err, CSEG_INTERRUPTED, "%s: stopped", t->name);
    TRY(make_folder_of(t, path, err));
    TRY(image_write(path, m, how, err));
    t->written++;
    return CSEG_OK;
}

cseg_status convert_image(convert_task *t, image *out, cseg_error *err)
{
    const convert_form *f = t->job->form;
    TRY(convert_read(t, err));
    TRY(f->decode ? f->decode(t, out, err) : image_decode(t->bytes, t->n, t->name, f->flags, out, err));
    return f->map ? f->map(out, t->name, err) : CSEG_OK;
}

cseg_status convert_copy(convert_task *t, cseg_error *err)
{
    const char *path = t->job->out;
    TRY(archive_read(t->job->from, t->job->member, t->mem, &t->bytes, &t->n, err));
    if (is_current(t, path) && file_size(path) == (int64_t)t->n) {
        t->kept++;
        return CSEG_OK;
    }
    TRY(make_folder_of(t, path, err));
    TRY(file_replace_bytes(path, t->bytes, t->n, t->mem, err));
    t->written++;
    return CSEG_OK;
}

cseg_status convert_whole(convert_task *t, cseg_error *err)
{
    image m = {0};
    cseg_status status = CSEG_OK;
    if (convert_has(t, t->job->out))
        return CSEG_OK;
    TRY_DONE(convert_image(t, &m, err));
    TRY_DONE(convert_write(t, t->job->out, &m, NULL, err));
done:
    image_release(&m);
    return status;
}

cseg_status convert_run_job(convert_task *t, cseg_error *err)
{
    TRY(look_at_source(t, err));
    return t->job->form->make(t, err);
}

/* ---- labels ------------------------------------------------------------------------------------------------------ */

cseg_status convert_look_up(image *m, const uint8_t to[256], const char *name, cseg_error *err)
{
    if (m->c != 1 || m->type != IMAGE_U8)
        return fail(err, CSEG_DATA, "%s: holds %s samples in %lld channels; labels are one channel of 8 bits", name,
                    image_type_name(m->type), (long long)m->c);
    uint8_t *v = m->data;
    for (int64_t i = 0, n = m->h * m->w; i < n; i++)
        v[i] = to[v[i]];
    return CSEG_OK;
}

static cseg_status map_vessels(image *m, const char *name, cseg_error *err)
{
    (void)name;
    (void)err;
    uint8_t *v = m->data;
    for (int64_t i = 0, n = m->h * m->w; i < n; i++)
        v[i] = v[i * m->c] >= 128;
    m->c = 1;
    return CSEG_OK;
}

const convert_form convert_form_copy = {.make = convert_copy, .ending = ""};
const convert_form convert_form_copied_mask = {.make = convert_copy, .ending = "", .is_mask = true};
const convert_form convert_form_image = {.make = convert_whole, .ending = ".png"};
const convert_form convert_form_vessels = {
    .make = convert_whole, .map = map_vessels, .ending = ".png", .is_mask = true};
