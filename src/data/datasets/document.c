/* Writes the documentation of datasets from the tables that read configs. */
#include "data/datasets/leaf.h"

static void kind_row(const dataset_kind *k, FILE *out)
{
    fprintf(out, "| %s | ", k->name);
    if (k->n_classes)
        fprintf(out, "%d", k->n_classes);
    fprintf(out, " | `%s` | `%s` | %s |\n", k->img_suffix, k->seg_map_suffix,
            k->refused             ? k->refused
            : k->reduce_zero_label ? "0 is ignored, classes start at 1"
            : k->to_binary         ? "pairs; labels of 128 and more are 1"
            : k->pairs             ? "pairs"
            : k->scenes            ? "scenes of any size, by windows; see below"
            : k->needs_list        ? "needs a list of names"
                                   : "");
}

void datasets_document(FILE *out)
{
    int n;
    const dataset_kind *kinds = dataset_kinds(&n);
    fputs("# Datasets\n\nWritten from the tables that configs are read by. A dataset lists the files of a folder, "
          "sorted, or "
          "those that a text file names; what its labels mean comes from its type, or from `classes` and `palette`.\n\n"
          "| type | classes | images end in | labels end in | |\n| --- | --- | --- | --- | --- |\n",
          out);
    for (int i = 0; i < n; i++)
        kind_row(&kinds[i], out);
    leaf_document(out);
    scene_dataset_document(out);
    wrappers_document(out);
}
