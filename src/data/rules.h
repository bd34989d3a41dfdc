/* What words of a config mean where the two dialects give them different meanings: rules as facts, two rows of them.
 * Who reads a config's dict chooses a row (datasets/keys.c from the dict's own keys, engine/dialect for a whole
 * config); everything behind asks for a fact by its name, and never which row it is.
 *
 *     const data_rules *rules = &data_rules_1x;
 *     if (!rules->parts_may_differ)
 *         printf("joined data sets have the same classes\n");
 */
#ifndef DATA_RULES_H
#define DATA_RULES_H

#include "data/transforms/pipeline.h"

typedef struct data_rules {
    pipeline_rules steps;
    bool parts_may_differ; /* joined datasets may have other classes, colours and reduce_zero_label than the first */
    bool measures_parts; /* joined datasets are measured as mmseg's ConcatDataset.evaluate does, or refused as there */
    bool own_colours_first; /* palette= has no effect on a kind of dataset that has classes and colours of its own */
    bool colours_by_name;   /* classes= picks each class's colour; else a palette of that many colours stays as it is */
    /* For messages: the kind for data of one's own and how it is told its classes; the keys of classes and labels. */
    const char *plain_kind, *plain_classes, *classes_key, *labels_key;
} data_rules;

extern const data_rules data_rules_0x, data_rules_1x;

#endif
