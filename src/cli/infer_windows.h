/* cseg infer by windows: its options, and one scene after another. */
#ifndef CLI_INFER_WINDOWS_H
#define CLI_INFER_WINDOWS_H

#include "cli/options.h"
#include "engine/infer/infer.h"

typedef struct window_args {
    int64_t window, batch;
    const char *overlap, *blend, *flip, *memory, *probabilities;
    bool always, resume, confidence, plain, warp;
} window_args;

#define OPTIONS_WINDOWS(struct_, member_)                                                                              \
    {.names = "--windows",                                                                                             \
     .type = O_FLAG,                                                                                                   \
     .offset = offsetof(struct_, member_.always),                                                                      \
     .about = "by windows, whatever the size; above 25 million pixels that is done anyway"},                           \
        {.names = "--window",                                                                                          \
         .type = O_INT,                                                                                                \
         .offset = offsetof(struct_, member_.window),                                                                  \
         .min = 1,                                                                                                     \
         .max = 16384,                                                                                                 \
         .about = "side of the windows in pixels; default: test_cfg's crop_size, or what was trained on"},             \
        {.names = "--overlap",                                                                                         \
         .type = O_STR,                                                                                                \
         .offset = offsetof(struct_, member_.overlap),                                                                 \
         .value = "N",                                                                                                 \
         .about = "pixels that neighbouring windows share; default: test_cfg's, or a third of the window"},            \
        {.names = "--blend",                                                                                           \
         .type = O_STR,                                                                                                \
         .offset = offsetof(struct_, member_.blend),                                                                   \
         .choices = "smooth|mean|cut",                                                                                 \
         .about = "how overlapping windows are joined: smooth weighs probabilities by the distance from the window's " \
                  "border, mean takes the mean of logits as MMSegmentation does, cut joins nothing; default: mean if " \
                  "the config slides and no other option about windows is given, else smooth"},                        \
        {.names = "--flip",                                                                                            \
         .type = O_STR,                                                                                                \
         .offset = offsetof(struct_, member_.flip),                                                                    \
         .choices = "h|v|hv|hvd",                                                                                      \
         .about = "the mean of each window's answer and those for it flipped: horizontally, vertically, both at once " \
                  "(d)"},                                                                                              \
        {.names = "--batch",                                                                                           \
         .type = O_INT,                                                                                                \
         .offset = offsetof(struct_, member_.batch),                                                                   \
         .min = 1,                                                                                                     \
         .max = 256,                                                                                                   \
         .about = "windows that go through the model at once (default 1)"},                                            \
        {.names = "--memory",                                                                                          \
         .type = O_STR,                                                                                                \
         .offset = offsetof(struct_, member_.memory),                                                                  \
         .value = "SIZE",                                                                                              \
         .about = "what the program may take at most, however large the scene: 2G, 800M"},                             \
        {.names = "--resume",                                                                                          \
         .type = O_FLAG,                                                                                               \
         .offset = offsetof(struct_, member_.resume),                                                                  \
         .about = "go on with scenes that an interrupted run began, and leave those out that it finished"},            \
        {.names = "--probabilities",                                                                                   \
         .type = O_STR,                                                                                                \
         .offset = offsetof(struct_, member_.probabilities),                                                           \
         .choices = "u8|f32",                                                                                          \
         .about = "write NAME_scores.tif, a band for each class; u8: in steps of 1/250"},                              \
        {.names = "--confidence",                                                                                      \
         .type = O_FLAG,                                                                                               \
         .offset = offsetof(struct_, member_.confidence),                                                              \
         .about = "write NAME_confidence.tif, the answered class's probability in steps of 1/250"},                    \
        {.names = "--no-cog",                                                                                          \
         .type = O_FLAG,                                                                                               \
         .offset = offsetof(struct_, member_.plain),                                                                   \
         .about = "plain tiled GeoTIFFs, not cloud-optimised ones with overviews"},                                    \
    {                                                                                                                  \
        .names = "--warp", .type = O_FLAG, .offset = offsetof(struct_, member_.warp),                                  \
        .about = "bring the second date onto the first one's grid if it has another"                                   \
    }

/* Whether an option was given that only windows have. */
bool windows_asked(const window_args *o);
/* Fills what the options say of a scene. CSEG_USAGE. */
cseg_status windows_options(const window_args *o, infer_scene *s, cseg_error *err);
/* Segments one scene; paths, head and force are *s's. */
cseg_status windows_run(infer *x, const window_args *o, infer_scene *s, cseg_error *err);

#endif
