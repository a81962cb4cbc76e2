package av1

// Default cumulative distributions, in 1/32768 (AV1 §9.4, "Additional tables"). Nothing writes to these tables.
var (
	// partitionCDFs is by log2 of the block's size in pixels, less 3, and by context.
	partitionCDFs = [5][4][10]uint16{
		{
			{19132, 25510, 30392, 32768}, {13928, 19855, 28540, 32768}, {12522, 23679, 28629, 32768}, {9896, 18783, 25853, 32768},
		},
		{
			{15597, 20929, 24571, 26706, 27664, 28821, 29601, 30571, 31902, 32768},
			{7925, 11043, 16785, 22470, 23971, 25043, 26651, 28701, 29834, 32768},
			{5414, 13269, 15111, 20488, 22360, 24500, 25537, 26336, 32117, 32768},
			{2662, 6362, 8614, 20860, 23053, 24778, 26436, 27829, 31171, 32768},
		},
		{
			{18462, 20920, 23124, 27647, 28227, 29049, 29519, 30178, 31544, 32768},
			{7689, 9060, 12056, 24992, 25660, 26182, 26951, 28041, 29052, 32768},
			{6015, 9009, 10062, 24544, 25409, 26545, 27071, 27526, 32047, 32768},
			{1394, 2208, 2796, 28614, 29061, 29466, 29840, 30185, 31899, 32768},
		},
		{
			{20137, 21547, 23078, 29566, 29837, 30261, 30524, 30892, 31724, 32768},
			{6732, 7490, 9497, 27944, 28250, 28515, 28969, 29630, 30104, 32768},
			{5945, 7663, 8348, 28683, 29117, 29749, 30064, 30298, 32238, 32768},
			{870, 1212, 1487, 31198, 31394, 31574, 31743, 31881, 32332, 32768},
		},
		{
			{27899, 28219, 28529, 32484, 32539, 32619, 32639, 32768}, {6607, 6990, 8268, 32060, 32219, 32338, 32371, 32768},
			{5429, 6676, 7122, 32027, 32227, 32531, 32582, 32768}, {711, 966, 1172, 32448, 32538, 32617, 32664, 32768},
		},
	}

	// partitionCounts is how many of them there are.
	partitionCounts = [5]uint32{4, 10, 10, 10, 8}
)

// Values of partition (AV1 §6.10.4), in the order of their symbols.
const (
	partitionHorz  = 1
	partitionVert  = 2
	partitionSplit = 3
	partitionHorzA = 4
	partitionHorzB = 5
	partitionVertA = 6
	partitionVertB = 7
	partitionHorz4 = 8
	partitionVert4 = 9
)

// Probabilities of segment_id 0 (of 8), and of no interintra in blocks of 8, 16 and 32 pixels.
const (
	segmentAlone    = 5622  // no neighbour above and to the left
	segmentInterior = 27527 // all neighbours in the same segment
)

var noInterIntra = [3]uint16{26887, 27597, 30237}
